"""What the errors of this package that concern a user have in common."""


class UserError(Exception):
    """Something that the user can put right: told in one line, without a traceback.

    It lies in a module of its own, so that whoever catches such errors need not import what
    raises them.
    """
