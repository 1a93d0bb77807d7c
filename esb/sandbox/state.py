"""The world behind the endpoints: accounts, corporations, robots, their tokens and counters, and the clock."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random

from esb.sandbox.changes import Changes
from esb.sandbox.inbox import Inbox, Message
from esb.sandbox.knobs import Knobs
from esb.sandbox.media import MediaStore
from esb.sandbox.wire import Counted

BEIJING_S = 8 * 3600
DAY_S = 86400
REMEMBERED = 100_000


@dataclass(slots=True)
class DailyCount:
    """A count since midnight in Beijing, when WeChat's daily quotas start anew."""

    day: int = 0
    count: int = 0

    def today(self, now: float) -> int:
        return self.count if self.day == beijing_day(now) else 0

    def add(self, now: float, number: int = 1) -> None:
        self.count = self.today(now) + number
        self.day = beijing_day(now)


def beijing_day(now: float) -> int:
    return int((now + BEIJING_S) // DAY_S)


@dataclass(slots=True)
class Window:
    """The instants of what was counted within the last `seconds`."""

    seconds: float
    times: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> int:
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()
        return len(self.times)

    def add(self, now: float) -> None:
        self.times.append(now)


class Recent:
    """First messages by their deduplication key, each until its own instant."""

    def __init__(self) -> None:
        self._entries: dict[object, tuple[float, Message]] = {}

    def find(self, key: object, now: float) -> Message | None:
        until, message = self._entries.get(key, (-inf, None))
        return message if now < until else None

    def remember(self, key: object, message: Message, until: float) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= REMEMBERED:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (until, message)


@dataclass(slots=True)
class Token:
    """One access token; from `replaced_at` on it is refused because a newer one took its place."""

    value: str
    owner: "OfficialAccount | WecomApp"
    issued_at: float
    expires_at: float
    replaced_at: float = inf


@dataclass(slots=True)
class TokenSlot:
    """The tokens of one kind that one app has had: the current one and its forerunners, oldest first."""

    current: Token | None = None
    earlier: list[Token] = field(default_factory=list)


@dataclass(slots=True)
class Follower:
    """A user of an official account. `grants` per template and `service_*` are None where nothing limits them.

    `receipt`: the Status that WeChat tells of template messages to this user.
    """

    openid: str
    subscribed: bool = True
    blacklisted: bool = False
    rejects: bool = False
    grants: dict[str, int] | None = None
    service_messages: int | None = None
    service_window_s: float | None = None
    receipt: str = "success"


@dataclass(slots=True, eq=False)
class OfficialAccount:
    """An official account (mp). A template with no typed keys takes any data.

    `callback_*`: where WeChat posts events, the token by which it signs them, the EncodingAESKey, "" for plain ones.
    """

    appid: str
    secret: str
    openids: dict[str, Follower] = field(default_factory=dict)
    templates: dict[str, dict[str, str]] = field(default_factory=dict)
    banned_templates: list[str] = field(default_factory=list)
    frozen: bool = False
    ip_whitelist: list[str] = field(default_factory=list)
    callback_url: str = ""
    callback_token: str = ""
    callback_aes_key: str = ""
    plain: TokenSlot = field(default_factory=TokenSlot)
    stable: TokenSlot = field(default_factory=TokenSlot)
    forced: DailyCount = field(default_factory=DailyCount)
    last_force: float = -inf
    today: defaultdict[str, DailyCount] = field(default_factory=lambda: defaultdict(DailyCount))
    minute: Window = field(default_factory=lambda: Window(60))
    cleared: Window = field(default_factory=lambda: Window(30 * DAY_S))
    recent: Recent = field(default_factory=Recent)

    @property
    def name(self) -> str:
        return self.appid


@dataclass(slots=True)
class Member:
    """A member of a corporation; `status` as user/get gives it: 1 active, 2 disabled, 4 inactive, 5 left."""

    userid: str
    name: str = ""
    mobile: str = ""
    email: str = ""
    private_email: str = ""
    status: int = 1
    licensed: bool = True
    departments: list[int] = field(default_factory=lambda: [1])


@dataclass(slots=True, eq=False)
class WecomApp:
    """An app of a corporation; `visible` None: every member, `trusted_ips` empty: every address.

    `chats` are the ids of the group chats that it has made; None: whatever it is asked for.
    """

    corporation: "Corporation"
    agentid: int
    secret: str
    enabled: bool = True
    visible: list[str] | None = None
    trusted_ips: list[str] = field(default_factory=list)
    chats: list[str] | None = None
    slot: TokenSlot = field(default_factory=TokenSlot)
    sent: DailyCount = field(default_factory=DailyCount)
    minutes: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(lambda: Window(60)))
    hours: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(lambda: Window(3600)))
    recent: Recent = field(default_factory=Recent)

    @property
    def name(self) -> str:
        return f"{self.corporation.corpid}/{self.agentid}"


@dataclass(slots=True, eq=False)
class Corporation:
    """A WeCom corporation (qy); members by their lower-cased userid, since WeCom ignores its case."""

    corpid: str
    members: dict[str, Member] = field(default_factory=dict)
    apps: dict[int, WecomApp] = field(default_factory=dict)
    departments: list[int] = field(default_factory=list)
    tags: dict[str, list[str]] = field(default_factory=dict)
    misses: DailyCount = field(default_factory=DailyCount)


@dataclass(slots=True)
class Robot:
    """A group robot; its key is all the credential there is."""

    key: str
    enabled: bool = True
    minute: Window = field(default_factory=lambda: Window(60))


@dataclass(slots=True, eq=False)
class TencentApp:
    """An application of Tencent Cloud; `templates`: id -> text with {1}, {2}, …; `signs`: those of text messages.

    `days`: counts of a day by what is counted: a number, a number and a text, or "" for all together.
    """

    sdk_app_id: str
    templates: dict[str, str] = field(default_factory=dict)
    signs: list[str] = field(default_factory=list)
    enabled: bool = True
    half_minutes: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(lambda: Window(30)))
    hours: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(lambda: Window(3600)))
    days: defaultdict[object, DailyCount] = field(default_factory=lambda: defaultdict(DailyCount))


@dataclass(slots=True, eq=False)
class TencentAccount:
    """A key of Tencent Cloud and its applications by their ids; `numbers`: number -> the code that refuses it."""

    secret_id: str
    secret_key: str
    sms: dict[str, TencentApp] = field(default_factory=dict)
    voice: dict[str, TencentApp] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    second: Window = field(default_factory=lambda: Window(1))


@dataclass(slots=True)
class MailServer:
    """The SMTP side: `users` with passwords, without any whoever comes; `refused`: address -> the code of its RCPT."""

    users: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    minutes: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(lambda: Window(60)))


@dataclass(slots=True)
class Seed:
    """The accounts, corporations, robots and knobs that a world starts from."""

    mp: dict[str, OfficialAccount]
    qy: dict[str, Corporation]
    robots: dict[str, Robot]
    tencent: dict[str, TencentAccount]
    mail: MailServer
    knobs: Knobs


Told = Callable[[OfficialAccount, Follower, int, float, Knobs], None]
"""Takes a template message that a follower got: the msgid, and the world's time and knobs."""


class State:
    """One world. A new seed makes a new one, so nothing of the old can be left over."""

    def __init__(
        self, seed: Seed, clock: Callable[[], float], told: Told | None = None, changes: Changes | None = None
    ) -> None:
        """`told` is called with each template message that a follower got, by its msgid."""
        self.mp = seed.mp
        self.qy = seed.qy
        self.robots = seed.robots
        self.tencent = seed.tencent
        self.mail = seed.mail
        self.knobs = seed.knobs
        self.tokens: dict[str, Token] = {}
        self.inbox = Inbox(changes)
        self.media = MediaStore()
        self.counted: defaultdict[str, Counted] = defaultdict(Counted)
        self.tokens_issued: Counter[str] = Counter()
        self.bad_secrets: defaultdict[str, Window] = defaultdict(lambda: Window(3600))
        self.banned_until: dict[str, float] = {}
        self.serial = count(1)
        self.random = Random(0)  # noqa: S311 - chance that can be repeated is the point
        self.advanced_s = 0.0
        self._clock = clock
        self.seeded_at = self.now()
        self._told = told

    def now(self) -> float:
        """Return seconds since the epoch on this world's clock, which the control API can push ahead."""
        return self.machine_time() + self.advanced_s

    def machine_time(self) -> float:
        """Return seconds since the epoch on the given clock, which the machine's other programs share."""
        return self._clock()

    def tell(self, account: OfficialAccount, follower: Follower, msgid: int) -> None:
        """Let the account know what became of a message."""
        if self._told is not None:
            self._told(account, follower, msgid, self.now(), self.knobs)
