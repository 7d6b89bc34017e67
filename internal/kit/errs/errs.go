package errs

import (
	"errors"
	"fmt"
	"time"
)

// Code tells callers apart what went wrong, in words that outlive a release.
type Code string

// The codes. Each maps to one HTTP status and one CLI exit code.
const (
	Invalid     Code = "invalid"     // the caller sent something that can never work
	NotFound    Code = "not_found"   // the thing asked for does not exist
	Conflict    Code = "conflict"    // the thing is in a state that forbids this
	Denied      Code = "denied"      // the caller may not do this
	Unavailable Code = "unavailable" // try again later; nothing is lost
	Internal    Code = "internal"    // our own fault
)

// Error is an error with a code and a message that is safe to show.
type Error struct {
	Code    Code
	Message string
	Cause   error
	Wait    time.Duration // of unavailable: how long to wait before trying again, when that was said
}

// New returns an error with a code and a formatted message that may be shown to people.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error with a code, a safe message and the cause, which is not shown.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Error returns the message and the cause; for logs. People get Message.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of the first Error in the chain, Internal when there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether err carries the code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// Message returns the part of err that may be shown to a person.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "internal error"
}

// WaitOf returns how long the first Error in the chain asks to wait, or 0.
func WaitOf(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.Wait
	}
	return 0
}
