package errs

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestCodeAndMessageSurviveWrapping(t *testing.T) {
	cause := errors.New("dial tcp 10.0.0.1: refused")
	e := Wrap(cause, Unavailable, "the database %s does not answer", "x")
	outer := fmt.Errorf("open page pg_1: %w", e)
	if CodeOf(outer) != Unavailable || !Is(outer, Unavailable) || Is(outer, Invalid) || !errors.Is(outer, cause) {
		t.Errorf("code %q", CodeOf(outer))
	}
	if got := Message(outer); got != "the database x does not answer" {
		t.Errorf("a person reads %q: the cause is for the log", got)
	}
	if got := outer.Error(); got != "open page pg_1: the database x does not answer: dial tcp 10.0.0.1: refused" {
		t.Errorf("the log reads %q", got)
	}
}

func TestErrorWithoutACode(t *testing.T) {
	if CodeOf(nil) != "" || Is(nil, Internal) || CodeOf(errors.New("x")) != Internal || Message(errors.New("secret")) != "internal error" {
		t.Error("an error that is none of ours is internal, and says nothing")
	}
	if New(Invalid, "100%% of %d", 3).Error() != "100% of 3" {
		t.Error("format")
	}
}

func TestWaitSurvivesWrapping(t *testing.T) {
	e := New(Unavailable, "busy")
	e.Wait = time.Minute
	if WaitOf(fmt.Errorf("send: %w", e)) != time.Minute || WaitOf(errors.New("x")) != 0 || WaitOf(nil) != 0 {
		t.Error("the wait is lost")
	}
}
