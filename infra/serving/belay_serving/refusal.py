"""What the client is told when a request is not answered with predictions."""

from __future__ import annotations


class Refusal(Exception):
    """An answer that is not 200: never holds a stack trace, a path of this machine or a secret."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field

    def body(self) -> dict[str, str]:
        """In the form of MLflow's own errors, and with the field at fault where there is one."""
        body = {"error_code": self.code, "message": self.message}
        return body if self.field is None else {**body, "field": self.field}


def bad_input(message: str, field: str | None = None) -> Refusal:
    """400: the body is not what the model's signature asks for."""
    return Refusal(400, "BAD_REQUEST", message, field)
