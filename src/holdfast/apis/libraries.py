"""Which API a client library speaks to: an exception that carries an answer is judged by that API's entry, as the answer itself would be.

Only libraries that serve one vendor stand here; whose address can be set to somebody else's (`openai` for its many imitators) still speaks the
same dialect. Decides nothing about a fault without an answer: a lost connection is the same everywhere.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from holdfast.apis.shipped import shipped_rules
from holdfast.faults.fault import Fault
from holdfast.faults.rules import ApiRules

__all__ = ["LIBRARIES", "recognised"]

_NAMES_MAX = 8

LIBRARIES = MappingProxyType(
    {
        "openai": "openai",
        "anthropic": "anthropic",
        "mistralai": "mistral",
        "cohere": "cohere",
        "groq": "groq",
        "stripe": "stripe",
        "paypalrestsdk": "paypal",
        "paypalserversdk": "paypal",
        "adyen": "adyen",
        "braintree": "braintree",
        "squareup": "square",
        "square": "square",
        "plaid": "plaid",
        "twilio": "twilio",
        "sendgrid": "sendgrid",
        "python_http_client": "sendgrid",
        "mailchimp_marketing": "mailchimp",
        "mailchimp_transactional": "mailchimp",
        "postmarker": "postmark",
        "slack_sdk": "slack",
        "slack": "slack",
        "discord": "discord",
        "telegram": "telegram",
        "aiogram": "telegram",
        "github": "github",
        "githubkit": "github",
        "gitlab": "gitlab",
        "atlassian": "jira",
        "jira": "jira",
        "notion_client": "notion",
        "pyairtable": "airtable",
        "asana": "asana",
        "hubspot": "hubspot",
        "simple_salesforce": "salesforce",
        "zenpy": "zendesk",
        "intercom": "intercom",
        "shopify": "shopify",
        "woocommerce": "woocommerce",
        "auth0": "auth0",
        "okta": "okta",
        "botocore": "aws",
        "aiobotocore": "aws",
        "boto3": "aws",
        "azure.core": "azure",
        "azure.mgmt": "azure",
        "msgraph": "ms_graph",
        "hvac": "vault",
        "kubernetes": "kubernetes",
        "opensearchpy": "opensearch",
        "databricks": "databricks",
        "zoomus": "zoom",
        "wordpress_xmlrpc": "wordpress",
        "klaviyo_api": "klaviyo",
        "pinecone": "pinecone",
        "qdrant_client": "qdrant",
        "replicate": "replicate",
        "huggingface_hub": "huggingface",
        "together": "together",
        "googleapiclient": "google",
        "google.api_core": "google",
        "gspread": "google_sheets",
        "cloudflare": "cloudflare",
        "digitalocean": "digitalocean",
        "datadog": "datadog",
        "datadog_api_client": "datadog",
        "sentry_sdk": "sentry",
        "dropbox": "dropbox",
        "boxsdk": "box",
        "box_sdk_gen": "box",
        "tweepy": "x",
        "strava": "strava",
        "stravalib": "strava",
        "spotipy": "spotify",
    }
)
"""Modules' beginnings by the id or another name of the entry."""


def recognised(fault: Fault) -> tuple[Fault, ApiRules | None]:
    """The fault with the API that its exception's library speaks to, and that API's rules; the fault as it is where nothing is known.

    Args:
        fault: an exception's. One without an answer, or whose API is known, is left alone.
    """
    if fault.status is None or fault.api_id is not None or not fault.exception_lineage:
        return fault, None
    for name in (fault.exception_lineage[0], *fault.exception_chain[:_NAMES_MAX]):
        rules = _rules_of(name)
        if rules is not None:
            return replace(fault, api_id=rules.api_id), rules
    return fault, None


def _rules_of(name: str) -> ApiRules | None:
    """The rules for the longest beginning of a class's module that is known."""
    module = name.rpartition(".")[0]
    while module:
        api = LIBRARIES.get(module)
        if api is not None:
            return shipped_rules(api)
        module = module.rpartition(".")[0]
    return None
