"""D4: what words mean within their sentence: families of phrases, as data.

A phrase is told by what stands around it, never by one bare word; it counts where
nothing in its sentence speaks against its family. Words of other languages are not
looked for. Numbers in braces bound every repetition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# A word that may stand between two others; a negation may not.
W = r"(?:(?!(?:not|never|no|nor)\b)[\w'&/-]{1,30} )"
MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december)"
)
QUARTER = r"(?:q[1-4]|h[12]|quarter|month|year|quarter end|year end|month end)"
AMOUNT = (
    r"(?:(?:us)?[$€£] ?\d[\d.,]{0,15} ?(?:k|m|thousand|million)?\b"
    r"|\b\d[\d.,]{0,15} ?(?:k|m|thousand|million)? ?(?:dollars|euros|pounds|usd|eur|gbp)\b)"
)
VENDOR = (
    r"(?:vendors?|suppliers?|providers?|solutions?|products?|tools?|platforms?|partners?"
    r"|systems?|software|bidders?|services?)"
)
OFFER = r"(?:offers?|proposals?|quotes?|bids?|pricing|plans|features)"
THING = (
    r"(?:spend|spending|budgets?|purchases?|purchasing|procurement|hiring|projects?"
    r"|initiatives?|roll-?outs?|contracts?|decisions?|evaluations?|deals?|investments?"
    r"|pilots?|programs?|programmes?|renewals?|implementations?|migrations?"
    r"|subscriptions?|licen[cs]es)"
    r"(?! (?:meetings?|calls?|reviews?|workshops?|demos?|dates?|sessions?|kick-?offs?"
    r"|updates?|rooms?|pages?|lunch|webinars?|time|hours|managers?|presentations?)\b)"
)
HOLDER = (
    r"(?:champions?|sponsors?|contact|contact person|colleague|boss|managers?|directors?"
    r"|project lead|team lead|buyer|ceo|cfo|cto|cio|coo|cmo|vp|vice president|president"
    r"|head of \w{1,20}|product owner|stakeholder|decision maker|supervisor|founder"
    r"|partner|administrator)(?: of \w{2,20}| for \w{2,20})?"
)
FIRM = r"(?:company|firm|organi[sz]ation|business|team|department|role|position|post)"
# What may follow where a phrase is complete.
END = (
    r"(?= ?$| ?,| (?:in|last|at|by|on|next|this|for|after|soon|and|effective|as|from|end|because"
    r"|with|tomorrow|today|before|within|later|so|to (?:join|take|start|work))\b)"
)
TERM = (
    rf"(?:at the end of|end of|by the end of|next|this|in|effective|until) "
    rf"(?:the |this |next )?(?:{QUARTER}|week|{MONTH}|summer|autumn|spring|winter)"
)
IS = (
    r"(?:is|are|was|were|am|has been|have been|had been|will be|is being|are being"
    r"|being|got|gets)"
)
STOPPED = (
    r"(?:frozen|suspended|paused|postponed|delayed|shelved|halted|stopped|put off"
    r"|cancelled|canceled|slashed|cut)"
)
CHOSE = (
    r"(?:prefer(?:s|red|ring)?|select(?:s|ed|ing)?|choos(?:e|es|ing)|chose|chosen"
    r"|pick(?:s|ed|ing)?|go(?:es|ing)?|went|gone|opt(?:s|ed|ing)?|decide(?:s|d)?"
    r"|settled?|sign(?:ed|ing)?|award(?:ed|ing)?|switch(?:ed|ing)?|mov(?:e|ed|ing)"
    r"|lean(?:ing)?|committed)"
)
TOWARDS = (
    r"(?:on |for |with |to |towards? |in favou?r of |the (?:contract|deal|order) to )?"
)
OUR = r"(?:a |an |the |our |some |enough |sufficient |new |more |full |annual |project |final )"


class Family(StrEnum):
    """What a phrase speaks of."""

    BUDGET = "budget"
    URGENCY = "urgency"
    COMPARISON = "comparison"
    FREEZE = "freeze"
    LEAVING = "leaving"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrases:
    """Any of `says`, where the sentence has `beside` too and nothing of `against`."""

    says: tuple[str, ...]
    against: str
    beside: str = ""
    # A question about us states nothing; a question about a price does.
    may_ask: bool = False


BUDGET = Phrases(
    says=(
        (
            rf"(?:have|has|got|secured?|allocated|approved|obtained|received|set aside"
            rf"|confirmed|reserved|earmarked|released|there is) {OUR}{{0,3}}(?:budget|funding)"
            r"(?! (?:airline|hotel|meeting|review|problem|issue|question|gap|constraint)s?\b)"
        ),
        (
            r"(?:budget|funding|funds) (?:is|are|was|were|has been|have been|got) "
            r"(?:now |just |finally |already |fully |also |formally ){0,2}(?:approved|available"
            r"|secured|allocated|confirmed|signed off|in place|released|set aside|ready)"
        ),
        (
            rf"(?:send|share|provide|give|get|prepare|need|want|request|requesting|like) "
            rf"{W}{{0,4}}(?:quote|quotation|pricing|price list|order form|purchase order)\b"
        ),
        rf"\bhow much (?:is|are) {W}{{0,4}}(?:plan|licen[cs]es?|seats?|version|edition)\b",
        rf"(?:what|how much) (?:would|does|do|will|is|are) {W}{{0,5}}(?:cost|price|pricing)\b",
        (
            rf"{AMOUNT}.{{0,200}}\b(?:budget|spend|afford|invest|approved|allocated|set aside"
            r"|per (?:seat|user|licen[cs]e|month|year)|(?:a|each) (?:month|year)|annually)\b"
        ),
        (
            r"\b(?:budget|spend|afford|invest|approved|allocated|set aside|range|offer|quote"
            rf"|order)\b.{{0,200}}{AMOUNT}"
        ),
    ),
    against=r"refund|overcharg|\bow(?:e|ed|es)\b|\bdebt|late fee|penalt|lawsuit|\bfined?\b"
    r"|\braised|revenue|series [a-d]\b|funding round|charged|\bwrong|too expensive"
    r"|can not afford|\blost\b|low-budget|budget airline|shoestring|out of budget"
    r"|over budget|frozen|freez|\bcuts?\b|\bcutting|no budget|no longer|donat|\bprize"
    r"|unpaid|overdue|gift card|withdr[ae]w|on hold|\bstole|your budget|famous quote",
    may_ask=True,
)
URGENCY = Phrases(
    says=(
        (
            r"\b(?:go(?:ing)? live|launch|roll (?:it |this )?out|roll-?out|implement\w{0,6}"
            r"|sign|signed|contract|purchase|buy|order|deploy\w{0,4}|onboard\w{0,3}"
            r"|get started|start (?:using|with you|the (?:pilot|trial|project|roll-?out))"
            r"|decide|decision|move forward|proposal|quote|pricing|licen[cs]es|seats"
            r"|up and running|(?:need|want) (?:it|this|that|everything) live)\b"
        ),
    ),
    beside=r"\b(?:asap|as soon as possible|urgent|urgently|right away|immediately|deadline"
    rf"|(?:by|before|in|within) (?:the )?(?:end of |start of )?(?:the |this )?"
    rf"(?:{QUARTER}|{MONTH}|week)|this (?:quarter|month|week)"
    rf"|end of (?:the |this )?{QUARTER})\b",
    against=r"\bfail|\berror|\bbugs?\b|outage|broken|\bdown\b|ticket|incident|crash|cancel"
    r"|terminat|refund|no rush|not urgent|postpon|delay|\bhold\b|freez|frozen|paus(?:e|ing)"
    r"|results|\breport|invoice|unsubscribe|complain|lunch|party|overdue|\bpay|not before"
    r"|not until|out of order|in order to|earliest|another vendor|court|pizza|holiday|"
    r"last (?:year|quarter|month)",
    may_ask=True,
)
COMPARISON = Phrases(
    says=(
        rf"\b(?:compare|comparing) {W}{{0,4}}(?:{VENDOR}|{OFFER}|you|your)\b",
        (
            rf"\b(?:have|has|we|i) compared (?:you|your|the|several|two|three|four|both) "
            rf"{W}{{0,2}}(?:{VENDOR}|{OFFER}|with|to|against)\b"
        ),
        rf"\bevaluat(?:e|es|ed|ing) {W}{{0,3}}(?:{VENDOR}|alternatives?|you|your)\b",
        (
            rf"\blook(?:ing|ed)? at (?:several|two|three|four|five|other|different|alternative"
            rf"|a few|some) {W}{{0,2}}{VENDOR}\b"
        ),
        r"\b(?:you|your|vendors?|suppliers?|providers?)\b.{0,120}\bshort-?list\w{0,4}\b",
        r"\bshort-?list\w{0,4} .{0,120}\b(?:you|your|vendors?|suppliers?|providers?)\b",
        (
            rf"\bhow (?:do|does|are|is|would) (?:you|your|it) {W}{{0,5}}(?:compare|differ"
            r"|different|stack up)\b"
        ),
        r"\bwhat (?:makes|sets) (?:you|your \w{1,20}) (?:different|apart|better)\b",
        rf"\b(?:you|your {W}{{0,2}})(?:versus|vs) \w",
        r"\bdifference between (?:you|your)\b",
    ),
    against=r"last (?:year|quarter|month)|apples|beyond compare|salar|performance review"
    r"|employee|\byou (?:should|could|can|may|might) compare|weather|candidates",
    may_ask=True,
)
FREEZE = Phrases(
    says=(
        (
            rf"\b(?:freez(?:e|es|ing)|froze|cut|cuts|cutting|suspend(?:ed|ing)?|paus(?:e|ed|ing)"
            rf"|postpon(?:e|ed|ing)|delay(?:ed|ing)?|shelv(?:e|ed|ing)|slash(?:ed|ing)?|put(?:ting)? off"
            rf"|hold(?:ing)? off(?: on| with)?|held off(?: on| with)?|stop(?:ped|ping)?"
            rf"|halt(?:ed|ing)?) {W}{{0,3}}{THING}\b"
        ),
        (
            rf"\b(?:put|puts|putting|place|placed|placing|keep|keeping) {W}{{0,3}}(?:{THING}|this"
            rf"|that|it|everything|things) {W}{{0,2}}on (?:hold|ice)\b"
        ),
        rf"\b(?:{THING}|everything) {W}{{0,4}}on (?:hold|ice)\b",
        rf"\b(?:we|they) (?:are|have been) {W}{{0,1}}on hold (?:until|till|indefinitely)\b",
        (
            r"\b(?:budget|spending|hiring|purchasing|investment|procurement|cost) "
            r"(?:freeze|cuts?|moratorium)\b(?!-)"
        ),
        rf"\b(?:freeze|hold|moratorium|pause) on {W}{{0,3}}{THING}\b",
        rf"\b{THING} {IS} {W}{{0,1}}{STOPPED}\b",
        r"\bbudgets? (?:is|was|has been|were) (?:gone|exhausted|withdrawn|pulled)\b",
        r"\b(?:lost|withdrew|pulled) (?:our|the|their|my) (?:budget|funding)\b",
    ),
    against=r"\b(?:lift(?:ed|ing)?|unfreez\w{1,3}|unfrozen|resum\w{1,4}|reinstat\w{1,4}"
    r"|thaw\w{0,3}|off hold|back on track|instead of|rather than|avoid\w{0,3}|no longer"
    r"|feature freeze|code freeze|phone|caller|hotline|music|competitors?|cut-?off|cut and)\b"
    r"|\b(?:freeze|pause|hold|moratorium) (?:(?:is|was|has|has been|will be) )?(?:now )?(?:over|ended|ends|gone|expired)\b"
    r"|\bpaper\b|without (?:having to )?(?:cut|paus|stop|delay|postpon)",
)
LEAVING = Phrases(
    says=(
        (
            rf"\b(?:leave|leaves|leaving|left|quit|quitting|quits) (?:the |our |this |my |his |her )"
            rf"{FIRM}{END}"
        ),
        (
            rf"\b(?:i|he|she|{HOLDER}) (?:is|am|are|'s|will be) {W}{{0,1}}leaving(?: us)?"
            rf"(?: ?$| ?,| {TERM}\b| to (?:join|take|start)\b| soon\b)"
        ),
        (
            rf"\b{HOLDER} (?:is|are|'s|will be) {W}{{0,1}}leaving (?:on|at|in|after) "
            r"(?!an? |\d|ten|five|the airport)"
        ),
        (
            rf"\b(?:i|he|she|{HOLDER}) (?:(?:has|have|had|is|am|are|been|be|will|just) ){{0,3}}"
            r"(?:resign(?:ed|ing|s)?|step(?:ping|ped|s)? down|departing|departed|laid off|let go"
            r"|retiring|retires?|retired(?! the| our| that| those| an?\b| old))"
            rf"{END}"
        ),
        (
            rf"\b(?:i|he|she|{HOLDER}) (?:(?:has|have|is|am|are|will|will be) ){{1,2}}mov(?:ing|ed) on"
            r"(?! to (?:the )?(?:next|another (?:topic|question|point)))"
        ),
        (
            rf"\b(?:he|she|{HOLDER}) {IS} {W}{{0,1}}(?:replaced|dismissed|fired)\b"
            r"(?! (?:the|our|my|up)\b)"
        ),
        r"\b(?:my|his|her|their|\w{2,20}'s) last day (?:at|with|here|is|was|will be|as)\b",
        (
            rf"\b(?:is|am|are) no longer (?:with (?:us|the {FIRM})|at the {FIRM}|employed"
            r"|in charge|responsible|your contact)\b"
        ),
        (
            rf"\btransition(?:s|ed|ing) (?:out of|away from|to|into) (?:a |an |another |my |his |her"
            rf" |the )?(?:new |different )?{FIRM}{END}"
        ),
        r"\bhand(?:ing|ed)? over (?:my|his|her|their) (?:role|duties|responsibilities|position)\b",
        r"\bresigned\b(?! to\b)",
        (
            r"\baccept(?:ed|ing) (?:a |an |the )?(?:new )?(?:position|job|role|offer) "
            r"(?:at|with|in) (?:another|a different|a new)\b"
        ),
        r"\b(?:my|his|her) (?:successor|replacement) (?:will|is|takes|starts|has)\b",
        r"\btak(?:e|es|ing) over (?:my|his|her|their) (?:role|position|duties|job)\b",
    ),
    against=r"\b(?:not leaving|coming back|maternity|lunch|vacation|holiday|airport|feedback"
    r"|comment|voicemail|laptop|printer|server|battery|part number|competitors?)\b",
)
CHOICE = Phrases(
    says=(
        (
            rf"\b{CHOSE} {TOWARDS}(?:another|a different|a competing|a rival|an alternative"
            rf"|the other|some other) {W}{{0,2}}(?:{VENDOR}|offer|proposal|bid|company|firm)\b"
            r"(?! (?:event|meeting|booth|page|office|building|slot|date|time)s?\b)"
        ),
        (
            rf"\b{CHOSE} {TOWARDS}(?:a |your |the |one of your |one of the |our )?{W}{{0,1}}"
            r"competitor(?:s|'s|s')?\b(?! (?:event|meeting|booth|page)s?\b)"
        ),
        (
            r"\b(?:go|going|went|gone|chose|chosen|selected|picked) (?:with )?"
            r"(?:someone|somebody) else\b"
        ),
        r"\b(?:go|going|went|gone|move|moving) in a different direction\b",
        (
            r"\bdecided against (?:you|your|using|buying|purchasing|renewing|the (?:purchase"
            r"|renewal|offer|proposal))\b"
        ),
        (
            r"\bnot (?:to )?(?:be )?(?:go|going|move|moving|proceed|proceeding|continue|continuing)"
            r" (?:forward |ahead |further |on )?with (?:you|your)\b"
        ),
        r"\b(?:did|have|will) not (?:choose|chosen|select|selected|pick|picked) (?:you|your)\b",
        r"\b(?:will|decided|are|going|plan|planning|intend) not (?:to )?(?:be )?renew(?:ing)?\b",
    ),
    against=r"\b(?<!not )(?:chose|chosen|choose|selected|picked|prefer|preferred|went with|going with"
    r"|go with) (?:you\b|your(?! (?:main |biggest |direct )?competitor))"
    r"|\bover (?:another|the other|your competitors?|a competitor|all)"
    r"|\b(?:instead of|rather than) (?:another|the other|a |your competitor)"
    r"|another (?:time|date|slot|day)",
)
FAMILIES: Mapping[Family, Phrases] = {
    Family.BUDGET: BUDGET,
    Family.URGENCY: URGENCY,
    Family.COMPARISON: COMPARISON,
    Family.FREEZE: FREEZE,
    Family.LEAVING: LEAVING,
    Family.CHOICE: CHOICE,
}
