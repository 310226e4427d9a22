"""What a failed call means, asked by hand: of an exception, and of an answer."""

import httpx2

import holdfast

verdict = holdfast.classify(ConnectionResetError("cut while the answer was awaited"))
print(verdict.category, verdict.retryable, verdict.outcome)

request = httpx2.Request("POST", "https://api.openai.com/v1/responses")
spent = httpx2.Response(429, request=request, json={"error": {"code": "insufficient_quota", "message": "No credit"}})
verdict = holdfast.classify(spent)
print(verdict.category, verdict.retryable, verdict.outcome, verdict.rule)
print(verdict.suggestion)
