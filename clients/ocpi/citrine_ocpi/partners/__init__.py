"""Partners: who we talk to, how we became acquainted, and by which tokens we call each other."""

from citrine_ocpi.partners.directory import Partners
from citrine_ocpi.partners.registration import Registration, RegistrationFailed

__all__ = ["Partners", "Registration", "RegistrationFailed"]
