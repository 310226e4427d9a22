"""The newcomer's plan, from Python."""

import holdfast

with holdfast.open("sqlite:///shop.db") as hold:
    execution = hold.start("plan.yaml", ["actions.yaml"])
    state = execution.wait()
    print(state.status.value, state.metrics.completed_actions, "of", state.metrics.total_actions)
    for line in execution.why("get_customer"):
        print(line)
