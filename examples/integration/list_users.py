"""Asks the shop for its users, by the integration's name."""

import holdfast

shop = holdfast.integration("primary-api")
reply = shop.request("GET", "/users", params={"page": 1})
print(reply.status, reply.json())
shop.close()
