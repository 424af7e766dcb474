"""Who lives in the believable tenant: its people, its accounts, what is written to them."""

from perception.rules.roles import Role

NAME = "Harbourline Software"
PEOPLE = {
    Role.SELLER: "Mara Lindqvist",
    Role.APPROVER: "Jonas Weber",
    Role.ADMIN: "Priya Raman",
    Role.AUDITOR: "Tom Adeyemi",
    Role.INTEGRATION: "CRM sync",
}
# The first six are those that the demo's week tells stories of.
COMPANIES = (
    ("Fennimore Foods", "PROSPECT", "Ana Castell"),
    ("Brightwater Clinics", "PROSPECT", "Dr. Elif Kaya"),
    ("Oakridge Logistics", "CUSTOMER", "Peter Novak"),
    ("Tallow & Finch", "CUSTOMER", "Ines Marchetti"),
    ("Copperfield Energy", "PROSPECT", "Samir Haddad"),
    ("Quillon Press", "CUSTOMER", "Ruth Obermayer"),
    ("Lantern Robotics", "PROSPECT", "Kenji Mori"),
    ("Westmark Housing", "CUSTOMER", "Freya Dahl"),
)
THEIRS = "Pinegate Schools"
MAIL = "send_follow_up_email"
# Who decides, about whom, why, how sure; and what would be written.
MAILS = {
    "yes": ("Fennimore Foods", "They asked for a quote for 80 seats.", 0.93,
            "Your quote for 80 seats", "Hello Ana,\n\nthe quote for 80 seats is attached. Shall we go through it on Thursday?\n\nBest wishes\nMara"),
    "edit": ("Brightwater Clinics", "Nobody has written to them for nine days.", 0.86,
             "How is the pilot going?", "Hello Elif,\n\nhow is the pilot going? We would gladly help with the next step.\n\nBest wishes\nMara"),
    "no": ("Oakridge Logistics", "Two more teams want to start.", 0.81,
           "Seats for two more teams", "Hello Peter,\n\ntwo more teams is great news. Shall I send an offer?\n\nBest wishes\nMara"),
    "later": ("Quillon Press", "The kick-off was two days ago.", 0.74,
              "After our kick-off", "Hello Ruth,\n\nhere are the dates of the six sessions.\n\nBest wishes\nMara"),
    "spare": ("Copperfield Energy", "Procurement is next.", 0.69,
              "What procurement needs", "Hello Samir,\n\nhere is what procurement usually asks us for.\n\nBest wishes\nMara"),
}  # fmt: skip
NEWS = ("Oakridge Logistics", "Tallow & Finch", "Westmark Housing")
