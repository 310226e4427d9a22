"""What the sentences of an error mean, where its codes said nothing exact: the last resort before the bare status.

People write messages, vendors change them, and they quote what a user typed. So every pattern here names a whole
statement and not a word, values in quotes are cut out before, entries about single fields are not read, and each
statement is believed only with the statuses that go with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from holdfast.faults import meanings as m
from holdfast.faults.meanings import Meaning


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A statement: an expression, what it means, and parts of words of which at least one must be there for it to match."""

    pattern: re.Pattern[str]
    meaning: Meaning
    hints: tuple[str, ...] = ()

    def is_in(self, words: str) -> bool:
        # Looking for plain parts first is what makes the many statements that do not apply cheap.
        hints = self.hints
        if hints:
            for hint in hints:
                if hint in words:
                    break
            else:
                return False
        return self.pattern.search(words) is not None


_Phrases = tuple[_Phrase, ...]


def meaning_of_words(words: str, status: int) -> Meaning | None:
    """The meaning of an error's sentences at a status; `None` when no statement is recognised.

    Args:
        words: the sentences in lower case, without what they quote.
        status: the HTTP status, or the one that the body of a success states.
    """
    if not words:
        return None
    for phrase in _phrases(status):
        if phrase.is_in(words):
            return phrase.meaning
    return None


def says_long_window(words: str) -> bool:
    """Whether sentences (in lower case) name an allowance of a day or longer."""
    return _LONG_WINDOW.search(words) is not None


def says_short_window(words: str) -> bool:
    """Whether sentences (in lower case) name an allowance of an hour or less."""
    return _SHORT_WINDOW.search(words) is not None


def _phrases(status: int) -> _Phrases:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return _ANY_5XX
    return _ANY_4XX


def _phrase(expression: str, meaning: Meaning, hints: str = "") -> _Phrase:
    return _Phrase(re.compile(expression), meaning, tuple(hints.split()))


_LONG_WINDOW = re.compile(
    r"current month|\bper[ -]day\b|\bdaily\b|\bper[ -]month\b|\bmonthly\b|\bweekly\b|\bper[ -]week\b|\bday limit"
    r"|24[ -]hours?\b|\b1 day\b|/ ?day\b|for today\b"
    r"|this month\b|per 1 day|\bcalendar month|billing (?:cycle|period)|\(rpd\)|until tomorrow|\bper 24\b"
)

_SHORT_WINDOW = re.compile(
    r"per[ -]?(?:\d{1,5} )?(?:second|minute|min\b|hour)|/ ?(?:min|sec|s|hour|h)\b|secondly|minutely|hourly"
    r"|\brpm\b|\btpm\b|\bqps\b"
)

_STORAGE = _phrase(
    r"(?:storage|disk|mailbox|memory|drive|database space)\b.{0,40}(?:full|exceeded|exhausted|insufficient)|no space left"
    r"|disk full|out of (?:disk|memory|storage)"
    r"|insufficient (?:storage|disk|memory)|not enough (?:storage|disk|memory|space)|exceeded .{0,20}storage",
    m.FULL,
    "storage disk mailbox memory drive space",
)
# Where memory ran out in the middle of the work, nobody knows how far it had got.
_MEMORY_5XX = _phrase(
    r"out of memory|memory (?:size |limit )?(?:of \d{1,12} bytes )?(?:exhausted|exceeded)", m.FULL_MIDWAY, "memory"
)
_FUNDS = _phrase(
    r"(?:order|transfer|withdraw\w{0,3}|trade|payout|payment|transaction)\b.{0,36}insufficient [\w '-]{0,24}(?:balance|funds)"
    r"|(?:insufficient|not sufficient) funds"
    r"|insufficient [\w '-]{0,24}balance (?:to|for) (?:\w{1,12} )?(?:\w{1,12} )?(?:order|transfer|withdrawal|payment|trade|payout)",
    m.REFUSED_BUSINESS,
    "funds balance",
)
_CREDIT = _phrase(
    r"(?:insufficient|not enough|low|run out of|ran out of|out of|exhausted|do not have enough"
    r"|don't have enough|doesn't have enough|used all|depleted|no remaining|no) "
    r"[\w '-]{0,36}(?:credits?|balance|prepaid)\b"
    r"|\b(?:credits?|balance)\b.{0,40}(?:too low|exhausted|insufficient|depleted|used up|not enough|run out|is low)"
    r"|top up your|recharge your|purchase (?:more )?credits|billing hard limit|spend(?:ing)? (?:limit|cap)"
    r"|check your plan and billing"
    r"|add (?:more )?(?:credits|funds)|exceeded .{0,30}credits",
    m.CREDIT,
    "credit balance prepaid top recharge billing spend fund",
)
_QUOTA = _phrase(
    r"(?:daily|monthly|weekly|day|month) [\w '-]{0,12}(?:limit|quota|cap|allowance)\b.{0,10}(?:exceed"
    r"|reach|hit|exhaust|used)"
    r"|(?:exceed|reach|hit|exhaust)\w{0,4} [\w '-]{0,24}(?:daily|monthly|weekly|per[ -]day|per[ -]month) "
    r"|quota [\w '-]{0,36}(?:exceeded|exhausted|reached|used up)"
    r"|maximum [\w '-]{0,12}(?:credits|usage) (?:exceeded|reached)"
    r"|exceed\w{0,4} [\w '-]{0,48}quota|out of quota|usage limit [\w '-]{0,24}(?:exceeded"
    r"|reached)"
    r"|(?:exceeded|reached|hit) [\w '-]{0,36}usage limit|limit for (?:today|this month)",
    m.DAILY,
    "quota daily day month week usage today maximum",
)
_RATE = _phrase(
    r"rate[ -]?limit(?:s|ed|ing)?\b.{0,30}(?:exceed|reach|hit)|(?:exceed|reach|hit|over"
    r"|above)\w{0,4} .{0,60}(?:rate[ -]?limits?\b|request limit|call limit|requests per|calls per"
    r"|queries per)"
    r"|too many (?:\w{1,20} )?(?:requests|calls|connections|queries|api|orders|messages)|\bthrottl(?:ed|ing)\b"
    r"|requests? limit (?:exceeded|reached)|calls? limit (?:exceeded|reached)"
    r"|slow(?:ing)? down|rate exceeded|(?:requests|calls|queries) (?:per|in) .{0,30}exceeded"
    r"|rate[ -]?limited|throughput rate|concurren\w{0,5} .{0,30}(?:exceeded|reached|limit)"
    r"|(?:requests?|calls?|connections) too (?:frequent|quick|fast|often)|too (?:frequent|fast|quickly)"
    r"|reduce (?:your )?request rate|frequency limit|request rate is (?:too )?large|flood control",
    m.BURST,
    "rate limit many throttl slow exceed fast frequen quick often flood concurren",
)
_BLOCKED = _phrase(
    r"(?:account|user|login) (?:has been |is |was )?(?:temporarily )?(?:blocked|locked|suspended|disabled"
    r"|deactivated|banned|frozen|closed)",
    m.INVALID,
    "account user login",
)
_GUESSING = _phrase(r"(?:log-?in|sign-?in|password|authentication|pin|otp|verification) attempts", m.INVALID, "attempt")
_LASTING_OVER = _phrase(
    r"(?:refresh[ _-]?token|api[ _-]?key|client secret|password|certificate|subscription|trial|licen[cs]e"
    r"|account|plan|sso|consent|grant)\b.{0,40}(?:expired|has lapsed|ended|is over)",
    m.INVALID,
    "expired lapsed ended over",
)
_OTHER_OVER = _phrase(
    r"(?:card|device|push|registration|reset|verification|invit\w{0,6}|download|upload|cursor|sync|page"
    r"|link|code|scroll|coupon|quote|offer|checkout|cart|listing)\b"
    r"[\w ]{0,36} (?:is |has |was |)(?:been )?(?:invalid or )?expired",
    m.STATE,
    "expired",
)
# What runs out is no credential, so a fresh one would not help: the 401 stays what it is.
_OTHER_OVER_401 = replace(_OTHER_OVER, meaning=m.INVALID)
_TOKEN_OVER = _phrase(
    r"(?:token|session|jwt|credentials?|signature|assertion|authorization|authentication|\bsas\b|access"
    r"|ticket|signed url|presigned url)\b.{0,60}"
    r"(?:\bexpired|\bhas timed out|no longer valid|is too old|\bexpires?\b|has ended)"
    r"|expired .{0,30}(?:token|session|jwt|credential|signature)|lifetime validation failed|request has expired"
    r"|session timed out|session timeout|\bexp claim|signature not valid in the specified time",
    m.EXPIRED,
    "expir timed timeout valid old ended exp",
)
_TOKEN_OVER_PLAIN = _phrase(
    r"(?:access|auth|bearer|security|id|session|provided|oauth|api) ?token (?:has |is |was |)(?:already "
    r"|)(?:expired|no longer valid)|^(?:your |the |)(?:token|session|jwt)"
    r" (?:has |is |was |)(?:been |)(?:expired|timed out)|session has expired|expired (?:access|auth|bearer|session|security) token",
    m.EXPIRED,
    "expired longer timed",
)
_KEY_WRONG = _phrase(
    r"invalid key\b|(?:invalid|missing|incorrect|unknown|bad|wrong|no|malformed"
    r"|unrecognized) [\w ]{0,12}(?:api[ _-]?key|access[ _-]?token|credentials|authentication|authorization"
    r"|client id"
    r"|client secret|client token|security token|auth token|bearer token|oauth token|token provided|app[ _-]?id|login"
    r"|username or password|api token)"
    r"|(?:api[ _-]?key|access[ _-]?token|auth token|api token|credentials?) [\w '-]{0,24}(?:invalid"
    r"|missing|not valid|not found|required|incorrect|malformed|revoked|not provided|disabled)"
    r"|(?:api[ _-]?key|access[ _-]?token) (?:was |could |can )?(?:not |can't )?(?:be )?found"
    r"|error validating access token|not authori[sz]ed|permission denied|(?:insufficient|missing|lacks?"
    r"|don't have|do not have|does not have|not have|requires?) [\w '-]{0,36}(?:permissions?"
    r"|privileges?|scopes?)\b"
    r"|unauthori[sz]ed(?: access| request| client|$| \||\.)|authentication (?:failed|required|error)"
    r"|access denied|must be logged in|not logged in|not authenticated|\btoken (?:is )?invalid"
    r"|token required|please log ?in|login required"
    r"|token (?:was |has been "
    r"|is )?revoked",
    m.INVALID,
    "key token credential auth permission scope privilege access log client password app",
)
_USER_AGENT = _phrase(r"user[ -]agent", m.BAD_INPUT)
_RULE_403 = _phrase(r"business rule|validation rule", m.BAD_INPUT)
_BUSINESS_403 = _phrase(r"by the user\b|blocked by the recipient|unsubscribed recipient", m.STATE)
_LOCKED = _phrase(
    r"(?:currently|already|temporarily|being) [\w '-]{0,24}(?:locked|being (?:updated|modified"
    r"|processed|used|edited|accessed)|in use by)|\bis locked\b|unable to (?:obtain|acquire) .{0,20}lock"
    r"|lock (?:wait|request) time|another (?:operation|request|process|transaction|update|user|client)\b"
    r"|other \w{1,20} request|concurrent(?:ly)? (?:modif|updat|request|writ|edit|operation|access)"
    r"|could not serialize|deadlock|modif\w{1,8} the same|conflict.{0,60}(?:try again|retry)|(?:try again"
    r"|retry).{0,60}conflict|still (?:being )?process|operation (?:is )?in progress|in progress"
    r"|optimistic lock|\bhas locked|lock has not|pending (?:event|operation|action)"
    r"|in use by (?:an? |another )?(?:\w{1,20} )?(?:client|process|operation|session|transaction|request)\b",
    m.LOCKED,
    "lock current already being another other concurrent serializ same conflict progress process modif temporar pending use",
)
_LOCK_NAMED = _phrase(
    r"\bhas locked|\blocked by|lock has not|has a pending \w{1,20}|pending (?:event|operation|action)\b|another (?:operation"
    r"|request|process|transaction) (?:is|already|on)\b|in use by (?:an? |another )?(?:\w{1,20} )?(?:client|process|operation"
    r"|session|transaction|request)\b",
    m.LOCKED,
    "lock pending another use",
)
# A server's failure that tells of work under way, or of waiting in vain: it may be this very request's.
_AT_WORK_5XX = _phrase(
    r"operation (?:is )?in progress|still (?:being )?process|timed out", m.AT_WORK, "progress still timed"
)
_UNSURE = _phrase(
    r"(?:execution|send|outcome|transaction) status (?:is )?unknown|timeout waiting for|(?:request|operation)"
    r" (?:timed out|time-?out\b)|does not (?:necessarily )?mean (?:that )?(?:the |your )?(?:request|order|operation"
    r"|transaction|payment) (?:was |is |has )?(?:been )?(?:success|succe|fail|execut|process|complet)",
    m.TIMEOUT,
)
_LATE = _phrase(
    r"\btimed out\b|\btimeout:|^timeout\b|(?:response|reply|answer) from upstream|upstream (?:error|response)",
    m.UNCERTAIN,
)
_STALE = _phrase(
    r"(?:modified|changed|updated) (?:by (?:another|someone|other)|since|in the meantime)|\bstale\b"
    r"|out of date|does not match|\betag\b",
    m.STATE,
    "by since meantime stale date match etag",
)
_OUR_KEY = _phrase(
    r"idempoten.{0,120}(?:in[ -]progress|process|still|currently|concurrent|in use)|(?:in[ -]progress|process"
    r"|still|currently|concurrent).{0,120}idempoten|same (?:idempotency )?key.{0,60}(?:progress|process)"
    r"|(?:request|payment|transaction) (?:with this \w{1,20} )?is (?:already |still "
    r"|currently )?(?:in progress|being processed|processing)|original request",
    m.IN_PROGRESS,
    "idempoten key progress process original",
)
_DONE = _phrase(
    r"already (?:been )?(?:captured|paid|refunded|cancell?ed"
    r"|deleted|voided|completed|processed|closed|shipped|sent|submitted|confirmed|approved|archived"
    r"|fulfilled|settled|finali[sz]ed|released|published|merged|accepted|activated|subscribed|unsubscribed"
    r"|applied|acknowledged|answered|redeemed|claimed|executed|terminated|stopped|reversed|signed|disabled|enabled)",
    m.DONE,
    "already",
)
_DUPLICATE = _phrase(
    r"already (?:exists?|taken|in use|registered|used|been taken|been used)|duplicate |must be unique|is not unique",
    m.DUPLICATE,
    "already duplicate unique",
)
_OWN_ID = _phrase(
    # Kinds of things whose ids the caller chooses, so that only this very request can have made it.
    r"already exists: (?:job|execution|workflow|operation)\b",
    m.DUPLICATE_ID,
    "already",
)
_VERSION = _phrase(
    r"(?:api )?version .{0,30}(?:deprecated|retired|no longer (?:supported|available)|sunset|not supported"
    r"|unsupported|removed|discontinued)"
    r"|(?:endpoint|method|api|service|resource|operation|route|model|feature)\b.{0,60}(?:deprecated"
    r"|retired|no longer (?:supported|available|exists?)|sunset|has been (?:removed|discontinued|shut down"
    r"|turned off)|decommissioned)"
    r"|unsupported (?:api )?version|unknown api version|(?:has been|was|is) (?:permanently )?(?:retired"
    r"|discontinued|decommissioned|sunset)\b|shut down",
    m.ROUTE,
    "version deprecat retired longer available sunset removed discontinu shut decommission unsupported",
)
_ROUTE = _phrase(
    r"cannot (?:get|post|put|patch|delete|head|options) /|no route|no (?:static )?resource /|(?:route"
    r"|endpoint|method|url|uri|page|path|handler|action|operation|service"
    r"|api)\b[^.|]{0,60} not (?:be )?(?:found|exist|match|defined"
    r"|recogni[sz]ed|support)"
    r"|(?:unknown|invalid|no such|undefined|unrecogni[sz]ed|no matching|unsupported|unmatched"
    r"|not a valid) (?:api |http |request |rest |)(?:url|uri|path|method|endpoint|route|action|operation"
    r"|resource path|api version)\b"
    r"|no (?:handler|http resource|action|endpoint|matching route|matching operation|route matched) "
    r"|no http resource was found|requested (?:url|page|path|uri|endpoint|route|resource /)"
    r"|404 page not found|page not found|no_service|unable to match incoming request|endpoint not found"
    r"|method not found|nothing matches the given uri",
    m.ROUTE,
)
_MODEL = _phrase(
    r"\bmodel\b.{0,60}(?:deprecated|does not exist|not found|decommissioned|retired|no longer|removed on"
    r"|(?:was|been) (?:removed|discontinued|shut down))",
    m.ROUTE,
    "model",
)
_TABLE_STATE = _phrase(
    r"(?:(?:sync|pagination|continuation|cursor|scroll|delta|(?:page|next)[ _-]?token)[ _-]?(?:token"
    r"|id)?)\b.{0,40}(?:invalid|expired|not found|no longer|too old)|resource version",
    m.STATE,
)
_OVERLOADED = _phrase(
    r"overload|at capacity|over capacity|capacity (?:exceeded|reached)|maintenance|starting up|start-up"
    r"|shutting down|shutdown|server (?:is )?(?:too )?busy|too busy|warming up"
    r"|is (?:currently )?(?:re)?starting|getting ready|no \w{1,20} (?:\w{1,20} )?available|please wait while .{0,40}(?:start|load)"
    r"|out of (?:\w{1,12} )?capacity|servers? .{0,40}\blagged|replication lag"
    r"|booting|being (?:upgraded|restarted|deployed)|(?:currently |temporarily )loading"
    r"|model .{0,60}loading|high (?:load|demand|traffic)|insufficient capacity|load shed"
    r"|too many (?:requests|connections)|back (?:soon|shortly|online)|read-only mode|restarting"
    r"|upgrade in progress|be right back",
    m.OVERLOADED,
)
_NO_ROOM = _phrase(
    r"out of (?:\w{1,12} )?capacity|(?:insufficient|no) (?:\w{1,12} )?capacity", m.NOT_STARTED, "capacity"
)
_NOT_FORWARDED = _phrase(r"no healthy upstream|delayed connect error", m.NOT_STARTED, "upstream delayed")
_CONFIGURATION = _phrase(
    r"misconfigur|not (?:been )?configured|configuration (?:error|is (?:invalid|missing))"
    r"|missing configuration|invalid configuration|no .{0,30}configured",
    m.CONFIGURATION,
    "config",
)
_OVER_5XX = _phrase(
    r"(?:subscription|trial|licen[cs]e|plan|account)\b.{0,40}(?:expired|suspended|disabled|has ended"
    r"|deactivated|inactive)",
    m.CONFIGURATION,
    "subscription trial licen plan account",
)
_LOGIN_5XX = _phrase(
    r"invalid (?:username|login|user ?name|credentials|password|session id|security token)|not logged in"
    r"|authentication failed|login failed",
    m.INVALID,
    "invalid log auth",
)
_NOT_FOUND = _phrase(
    r"not found|does(?:n't| not) exist|no such|could not (?:be found|find)|unknown \w{1,30}|cannot (?:be found|find)|^no data\b",
    m.MISSING,
)
_BAD = _phrase(
    r"\binvalid\b|cannot query field|too (?:low|high)|insufficient|not enough|unknown type|\bmissing\b"
    r"|\brequired\b|malformed|must (?:be|not|have|contain)|cannot be|can't be"
    r"|not (?:a )?valid|too (?:long|large|short|many|big|small)|unsupported|exceeds|out of range"
    r"|not allowed|failed to parse|parse error|syntax error|unknown (?:parameter|field|argument|name"
    r"|column)",
    m.BAD_INPUT,
)
_BROKEN = _phrase(
    r"internal (?:server )?error|unexpected error|system (?:error|failure)|something went wrong"
    r"|try again later|server error|unknown error|application error|temporar",
    m.UNCERTAIN,
)
_ELSEWHERE = _phrase(
    r"(?:user|your) (?:location|country|region|territory)\b[^|]{0,20} not (?:supported|available|allowed)",
    m.INVALID,
    "user your",
)
_CSRF = _phrase(
    r"(?:csrf|xsrf|anti-?forgery|authenticity)(?: token)?\b.{0,30}(?:mismatch|invalid|missing|expired|incorrect|fail)"
    r"|(?:invalid|missing|expired|no valid|incorrect) (?:csrf|xsrf|crumb|anti-?forgery|authenticity)",
    m.EXPIRED,
    "csrf xsrf crumb forgery authenticity",
)
_BY_NAME = _phrase(
    r"\b(?:job|event|document|task|execution|workflow) (?:name|type|title)\b[^|]{0,60}\balready exists",
    m.DUPLICATE,
    "name type title",
)
_OWN_ID = _phrase(
    r"\b(?:job|event|document|task|execution|workflow)\b[^|]{0,60}\balready (?:exists?|started|running)"
    r"|already exists: (?:job|event|document|task|execution|workflow)\b"
    r"|(?:specified|given|same|this|provided) (?:\w{1,20} )?id\b[^|]{0,30}already exists"
    r"|client[ _-](?:\w{1,20}[ _-])?(?:id|reference)\b[^|]{0,20}(?:must be unique|already|duplicate)"
    r"|duplicate client[ _-](?:\w{1,20}[ _-])?(?:id|reference)\b"
    r"|(?:retry|idempotency|deduplication) key [^|]{0,20}already (?:been )?(?:accepted|processed|completed)",
    m.DUPLICATE_ID,
    "already unique duplicate",
)
_STOPPED = _phrase(
    r"\b(?:statement|query)\b[^|]{0,90}(?:was|been|and) (?:cancell?ed|aborted|killed|terminated)"
    r"|(?:statement|query) (?:request )?(?:was |has been )?(?:timed out|running (?:for )?too long)",
    m.STOPPED,
    "statement query",
)
_NOT_READ = _phrase(
    r"(?:timed out|time-?out)[^|]{0,20} (?:read|receiv)(?:ing|e)? (?:your|the|client) (?:\w{1,12} )?(?:request|body|headers?)"
    r"|request (?:body )?(?:was )?not (?:fully |completely )?(?:read|received)",
    m.NOT_RECEIVED,
    "timed time not",
)
_TOO_BIG = _phrase(
    r"(?:larger|bigger|longer) than (?:the )?(?:max|limit|allowed)|(?:request|message|body|payload|prompt|input) (?:is )?too large",
    m.BAD_INPUT,
    "larger bigger longer large",
)
_NONCE = _phrase(
    r"(?:timestamp|nonce|recvwindow)\b.{0,80}(?:outside|invalid|expired|too (?:old|far|early|late)|used"
    r"|not within|ahead|window)|invalid (?:nonce|timestamp)",
    m.RENEW_NONCE,
    "timestamp nonce recvwindow",
)
_CANCELLED = _phrase(
    r"cancell?ed by (?:the )?(?:user|client|caller)|(?:user|client) (?:requested )?cancell"
    r"|request (?:was )?cancell?ed|operation was cancell?ed",
    m.CANCELLED,
    "cancel",
)
_CARD = _phrase(r"\bcard\b|declined|do not honor", m.REFUSED_BUSINESS, "card decline honor")
_SUSPENDED_402 = _phrase(
    r"(?:account|shop|store|subscription|service|workspace|tenant|project|site|plan)\b.{0,40}(?:frozen"
    r"|suspended|unavailable|inactive|expired|disabled|paused|locked|closed|past due|overdue)"
    r"|unavailable shop|past due|overdue",
    m.INVALID,
)
_PLAN = _phrase(
    r"(?:upgrade|your|current|this) [\w '-]{0,36}(?:plan|subscription|tier)\b|not (?:available"
    r"|included) .{0,30}plan",
    m.INVALID,
)

_ANY_4XX: _Phrases = (
    _UNSURE,
    _NONCE,
    _LOCK_NAMED,
    _STOPPED,
    _ELSEWHERE,
    _OUR_KEY,
    _FUNDS,
    _CREDIT,
    _RATE,
    _QUOTA,
    _OTHER_OVER,
    _LASTING_OVER,
    _TOKEN_OVER_PLAIN,
    _VERSION,
    _MODEL,
    _KEY_WRONG,
    _GUESSING,
    _OWN_ID,
    _DONE,
    _CSRF,
)
_ANY_5XX: _Phrases = (_LOGIN_5XX, _MEMORY_5XX, _STORAGE, _OVER_5XX, _CONFIGURATION, _AT_WORK_5XX, _LOCKED, _NO_ROOM)
_CONFLICTS: _Phrases = (_OUR_KEY, _BY_NAME, _OWN_ID, _DONE, _STALE, _LOCKED, _DUPLICATE)
_BY_STATUS: dict[int, _Phrases] = {
    200: (
        _UNSURE,
        _NONCE,
        _STOPPED,
        _FUNDS,
        _CREDIT,
        _RATE,
        _QUOTA,
        _CANCELLED,
        _OTHER_OVER,
        _LASTING_OVER,
        _TOKEN_OVER,
        _BLOCKED,
        _VERSION,
        _KEY_WRONG,
        _OUR_KEY,
        _BY_NAME,
        _OWN_ID,
        _DONE,
        _DUPLICATE,
        _LOCKED,
        _OVERLOADED,
        _BROKEN,
        _LATE,
        _NOT_FOUND,
        _BAD,
    ),
    401: (_BLOCKED, _LASTING_OVER, _OTHER_OVER_401, _TOKEN_OVER, _RATE, _QUOTA, _CSRF),
    402: (_CARD, _CREDIT, _QUOTA, _SUSPENDED_402, _RATE),
    403: (
        _USER_AGENT,
        _RULE_403,
        _BUSINESS_403,
        _STORAGE,
        _CREDIT,
        _RATE,
        _QUOTA,
        _LASTING_OVER,
        _OTHER_OVER,
        _TOKEN_OVER,
        _VERSION,
        _CSRF,
    ),
    404: (_OTHER_OVER, _TABLE_STATE, _VERSION, _MODEL, _ROUTE),
    409: _CONFLICTS,
    410: (_TABLE_STATE, _OTHER_OVER, _VERSION),
    408: (_STOPPED, _NOT_READ),
    412: (_LOCKED,),
    419: (_CSRF,),
    422: (_FUNDS, _CREDIT, _RATE, _OTHER_OVER, _VERSION, _LOCK_NAMED, _STOPPED, _OWN_ID),
    423: (),
    429: (_GUESSING, _STORAGE, _TOO_BIG, _CREDIT, _QUOTA),
    500: (*_ANY_5XX,),
    503: (_NOT_FORWARDED, _MEMORY_5XX, _STORAGE, _OVER_5XX, _CONFIGURATION, _OVERLOADED),
    529: (_RATE, _OVERLOADED),
}
