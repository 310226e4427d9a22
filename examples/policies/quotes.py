"""A function that depends on somebody else's API, guarded: run it, no server and no database needed."""

import holdfast

rates = holdfast.policy(
    "rates-api",
    retry=holdfast.Retry(attempts_max=3, initial_delay_s=0.1),
    breaker=holdfast.Breaker(failures_consecutive=4),
    repeatable=True,
)
answers = iter([ConnectionResetError("cut"), 1.08, *[ConnectionRefusedError("down")] * 99])


@rates
def euro_in_dollars() -> float:
    """Asks the API; here, a list plays its part."""
    answer = next(answers)
    if isinstance(answer, Exception):
        raise answer
    return answer


print("one euro is", euro_in_dollars(), "dollars, at the second attempt")
for _ in range(3):
    try:
        euro_in_dollars()
    except holdfast.errors.PolicyError as error:
        print(f"{error.slug}: {error}")
