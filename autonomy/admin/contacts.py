"""People at accounts: whoever asks to be forgotten goes out of acts, too."""

from django.contrib import admin

from autonomy.forgetting import forget_contact
from perception.admin.contacts import ContactAdmin
from perception.models import Contact

admin.site.unregister(Contact)


@admin.register(Contact)
class ForgettingContacts(ContactAdmin):
    """The page of perception, with the verb that reaches further."""

    erasing = staticmethod(forget_contact)
