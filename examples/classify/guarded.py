"""One transport for many APIs: each call is judged by the entry that its address belongs to."""

import httpx2

import holdfast

asked: list[str] = []


def internet(request: httpx2.Request) -> httpx2.Response:
    """Plays the part of OpenAI, for an account without credit."""
    asked.append(request.url.host)
    return httpx2.Response(429, json={"error": {"code": "insufficient_quota", "message": "No credit"}})


others = holdfast.policy("other-people", retry=holdfast.Retry(attempts_max=3), repeatable=True)
with httpx2.Client(transport=holdfast.transport(others, httpx2.MockTransport(internet))) as client:
    answer = client.post("https://api.openai.com/v1/responses", json={"input": "hello"})
print(answer.status_code, "and asked", len(asked), "time")
