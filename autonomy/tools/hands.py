"""Which tools of the house act outside: one line for each."""

from collections.abc import Mapping

from autonomy.tools.base import Hand
from autonomy.tools.calendar_meeting import CalendarMeeting
from autonomy.tools.calendar_task import CalendarTask
from autonomy.tools.chat import ChatSend
from autonomy.tools.crm_field import CrmField
from autonomy.tools.crm_note import CrmNote
from autonomy.tools.crm_stage import CrmStage
from autonomy.tools.crm_task import CrmTask
from autonomy.tools.mail_draft import MailDraft
from autonomy.tools.mail_send import MailSend
from autonomy.tools.webhook import WebhookSend

_ALL: tuple[Hand, ...] = (
    CalendarMeeting(),
    CalendarTask(),
    ChatSend(),
    WebhookSend(),
    MailSend(),
    MailDraft(),
    CrmNote(),
    CrmTask(),
    CrmField(),
    CrmStage(),
)

HANDS: Mapping[str, Hand] = {each.key: each for each in _ALL}
