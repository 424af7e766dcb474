"""Sentences that must be heard, by family, and sentences that only sound like it.

A line that begins with a small letter goes on with the line before it.
"""

from perception.rules.phrases import Family

SAID = {
    Family.BUDGET: """
We have the budget approved for this year.
The budget has been approved.
Our budget is now in place.
Funding was finally released yesterday.
We have secured the funding.
We've got enough budget for 50 seats.
Budget for this is signed off: the budget is confirmed.
There is budget in the second half.
Could you send us a quote for 50 seats?
Please share your pricing with our team.
We'd like to get an updated price list.
How much would the enterprise plan cost?
What is the price for 200 users?
We can spend $40,000 on this.
We set aside 25k EUR for the pilot.
Would €30 per user be possible?
We are ready to invest about $20.5k.
Finance approved 12,000 dollars.
We need a formal quotation for procurement.
How much is the premium plan?
I need the order form, can you send the order form?
""",
    Family.URGENCY: """
We need to go live by Q3.
Can we sign before the end of the quarter?
Please send the contract asap.
We want to launch before the end of the year.
The decision has to be made by March.
We need the licences this month.
Could you send the proposal right away?
Our deadline for the rollout is Friday.
We have to implement this by the end of the quarter.
It must be up and running before June.
We'd like to get started as soon as possible.
We plan to deploy in Q1.
The board wants to sign this week.
We urgently need ten more seats.
Let us start the pilot immediately.
We must buy within the month.
Onboarding should be done by year end.
Can we move forward this quarter?
The purchase has to close by end of year.
It is urgent, we want to order 20 seats.
We need this live before the end of Q4.
""",
    Family.COMPARISON: """
We are comparing three vendors.
I have to compare your pricing with two other offers.
We compared you with two others.
We are evaluating several alternatives.
We're evaluating your product next to others.
We are looking at two other providers.
You are on our shortlist.
We have shortlisted three vendors, you among them.
How does your tool compare to others?
How are you different from the rest?
What sets you apart?
What makes your product better?
What is the difference between your plans and theirs?
We evaluate different suppliers at the moment.
We looked at some other tools last week.
Your platform vs HubSpot: what would you say?
The shortlist has four suppliers.
I am comparing the different proposals.
We have compared the two offers.
We compare several solutions now.
How do you compare to Salesforce?
""",
    Family.FREEZE: """
We have to freeze spending.
We put the project on hold.
The project is on hold.
There is a hiring freeze.
Management announced budget cuts.
We need to postpone the rollout.
We decided to pause the pilot.
Unfortunately the decision has been postponed.
All new purchases are frozen.
They cut our budget by half.
We must hold off on the renewal.
We will have to delay the implementation.
The board has suspended all investments.
Everything is on hold until the audit ends.
We are putting this on ice for now.
Finance put a hold on all new contracts.
The initiative was shelved.
Our budget is gone.
Our budget was slashed.
We lost our funding.
We are currently on hold until Q3.
The CFO wants to cut
the software budget.
We might have to stop the project.
""",
    Family.LEAVING: """
Our champion is leaving.
Our champion is leaving the company.
I am leaving the company at the end of the month.
Ann is leaving the firm in March.
Our CFO has resigned.
My boss is stepping down.
The head of sales was replaced.
Our sponsor is leaving in May.
She is leaving us.
He is no longer with the company.
Friday is my last day at Acme.
Ann's last day is Friday.
I'm transitioning to a new role.
I will be moving on in June.
Our director has been let go.
I am handing over my responsibilities to Ben.
My successor will contact you.
Our project lead has left the company.
He will retire at the end of the year.
Somebody else is taking over my role.
Our main contact resigned last week.
Our VP of Sales is being replaced.
I have accepted a position at another company.
Sarah resigned yesterday.
""",
    Family.CHOICE: """
We selected another vendor.
We have selected another vendor.
We went with a competitor.
We prefer your competitor's offer.
They chose a different solution.
We decided to go with someone else.
We've decided against your proposal.
We will not be moving forward with you.
We have not chosen you.
We decided not to renew.
We're going with another provider.
The contract was awarded to another supplier.
We are switching to a different platform.
The team prefers another tool.
We opted for an alternative product.
We have picked one of your competitors.
We signed with another partner.
The committee is leaning towards another vendor.
We settled on a different system.
We will not renew.
We're going in a different direction.
""",
}

NOT_SAID = {
    Family.BUDGET: """
We have no budget.
There is no budget for this.
We don't have the budget.
Nobody has approved the budget.
The budget was not approved.
We took a budget airline.
The budget meeting is on Monday.
I have a question about the budget.
Our budget is frozen.
We are out of budget.
We lost $5,000 last month.
Please refund the $200 you charged.
They raised $5M in a funding round.
The invoice over $300 is wrong.
You owe us $100.
We do not need a quote.
I love this quote from Churchill.
We had to cut the budget.
It costs nothing.
The prize is $100.
""",
    Family.URGENCY: """
There is no rush, sign whenever you like.
Q3 results were good.
It is not urgent.
The export fails, please fix it asap.
This is urgent, the server is down.
Urgent: we cannot order because of an error.
We will not sign this quarter.
We have to postpone the rollout, not before Q3.
The report is due by the end of the month.
Please pay the invoice immediately.
The order was cancelled last week, asap please.
How was your quarter?
I will be back by Friday.
See you next month.
Lunch asap?
We had a good year.
In order to log in this week, what do I do?
There was an outage during the launch this week.
Let us order pizza this week.
Happy new year!
""",
    Family.COMPARISON: """
Compared to last year, sales grew.
Nothing compares to you.
That is comparing apples and oranges.
Employee evaluations are due.
We looked at the calendar.
The weather compares well.
The book is on the shortlist of the prize.
We are not comparing vendors.
The film is beyond compare.
What makes a good meeting?
How do you like it?
We evaluate employees in May.
How are you?
The comparison of salaries was dull.
Nobody is evaluating alternatives.
We look at the numbers.
Candidates were shortlisted by your colleague.
The difference between the months is small.
We compared last year with this year.
You should compare notes.
""",
    Family.FREEZE: """
Please hold the date.
Hold the date for the project kick-off.
We will hold a meeting about the project.
Can we postpone the meeting?
We postponed the project meeting.
Sorry, I was on hold on the phone.
They put me on hold.
The code freeze is on Monday.
The feature freeze of the project ends.
We will not put the project on hold.
The project is not on hold.
The project is no longer on hold.
The spending freeze was lifted.
We never had to freeze spending.
If we put the project on hold, I will tell you.
Unless we freeze spending, all is fine.
Have you paused your project?
You said the project is on hold.
It is freezing here.
Let us cut to the chase.
Cut the cake at the party.
The budget cut-off date is Friday.
We resumed the project after the pause.
The hiring freeze is over.
We avoided budget cuts.
Hold the line.
No budget cuts are planned.
Stop the video, please.
""",
    Family.LEAVING: """
Here is the transition plan.
The transition to the new version went well.
I am leaving for lunch.
I'm leaving the office now.
We are leaving in ten minutes.
I am leaving in an hour.
She is leaving on holiday.
I left you a comment.
The laptop was replaced.
The printer was replaced by a new one.
Our champion is not leaving.
Nobody is leaving the company.
Is your champion leaving the company?
If our champion leaves the company, we will tell you.
Leave us feedback, please.
We replaced the battery.
The CEO replaced the old logo.
I moved on to the next topic.
We retired the old server.
It is the last day of the trial.
We left the meeting early.
They resigned to the fact.
You mentioned that my boss is leaving the company.
The manager leaves the door open.
Leave the company portal open.
""",
    Family.CHOICE: """
We selected Tuesday.
We chose the blue one.
We prefer email.
We prefer another time for the call.
We chose you over another vendor.
We selected you.
We will not switch to another vendor.
We have not selected another vendor.
Have you selected another vendor?
If we selected another vendor, you would know.
We went with you instead of another provider.
We are switching from another vendor to you.
The selected option is shown in the list.
We picked another date.
You said we selected another vendor.
We go to another vendor event.
No competitor was chosen.
I prefer tea.
Never would we go with a competitor.
We decided to renew.
He chose his words well.
""",
}

OTHER_TONGUES = """
Wir halten den Termin fest und hold ist ein Wort.
Das Budget ist knapp, wir starten in Q3.
Le budget est important pour nous.
Nous avons choisi mardi.
Het budget is nog niet bekend.
Die Firma verlassen wir um fünf.
Il prezzo è di 40 euro?
El proyecto está en marcha.
Vi har valt tisdag.
Projekt zostaje, all inclusive.
Der Chef ist im Urlaub und kommt wieder.
Nous comparons rien du tout.
"""
