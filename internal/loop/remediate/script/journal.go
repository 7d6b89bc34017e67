package script

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"nightkeeper/internal/kit/errs"
)

// State is how far a call is known to have come.
type State string

// The states of an entry; doc.go has the picture.
const (
	Intent  State = "intent"  // it was about to be done
	Done    State = "done"    // its answer is in Result
	Waiting State = "waiting" // nothing has happened yet: it waits, or a person said that it did not happen
	Unknown State = "unknown" // it may have happened
)

// Entry is one call in the journal.
type Entry struct {
	Seq      int             `json:"seq"`
	Path     string          `json:"path"`
	Name     string          `json:"name"`
	Args     json.RawMessage `json:"args"` // canonical encoding
	ArgsHash string          `json:"args_hash"`
	Site     string          `json:"site"`
	Class    Class           `json:"class"`
	State    State           `json:"state"`
	Result   json.RawMessage `json:"result,omitempty"` // canonical encoding of a Result, when Done
}

// newEntry returns the intent of a call.
func newEntry(c Call, class Class) Entry {
	args := json.RawMessage(appendValue(nil, c.Args))
	return Entry{
		Seq: c.Seq, Path: c.Path, Name: c.Name, Args: args, ArgsHash: HashArgs(args), Site: c.Site, Class: class, State: Intent,
	}
}

// Happened returns the entry with the answer that a person gives for it.
func (e Entry) Happened(r Result) Entry {
	e.State, e.Result = Done, EncodeResult(r)
	return e
}

// NotHappened returns the entry as one of which nothing has happened: the continued run does it.
func (e Entry) NotHappened() Entry {
	e.State, e.Result = Waiting, nil
	return e
}

// HashArgs returns the hash that identifies encoded arguments. An approval is bound to it.
func HashArgs(args json.RawMessage) string {
	sum := sha256.Sum256(args)
	return hex.EncodeToString(sum[:])
}

// EncodeResult returns the canonical encoding of an answer, cut to MaxResult.
func EncodeResult(r Result) json.RawMessage {
	r = Fit(r, MaxResult)
	m := map[string]any{"ok": r.OK, "value": r.Value}
	if r.Error != "" {
		m["error"] = r.Error
	}
	if r.Cut {
		m["cut"] = true
	}
	return appendValue(nil, m)
}

// DecodeResult reads what EncodeResult wrote.
func DecodeResult(data json.RawMessage) (Result, error) {
	v, err := Decode(data)
	if err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return Result{}, fmt.Errorf("decode result: want an object, got %s", typeName(v))
	}
	r := Result{Value: m["value"]}
	r.OK, _ = m["ok"].(bool)
	r.Cut, _ = m["cut"].(bool)
	r.Error, _ = m["error"].(string)
	return r, nil
}

// DecodeArgs reads the arguments of an entry.
func (e Entry) DecodeArgs() (map[string]any, error) {
	v, err := Decode(e.Args)
	if err != nil {
		return nil, fmt.Errorf("decode arguments of step %s: %w", e.Path, err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("decode arguments of step %s: want an object, got %s", e.Path, typeName(v))
	}
	return m, nil
}

// DivergedError shows what the journal holds and what the script asked for. It is ErrDiverged.
type DivergedError struct {
	Recorded *Entry // nil when the journal ended first
	Asked    *Entry // nil when the script ended first
}

// Error shows both sides.
func (e *DivergedError) Error() string {
	asked := "the script has ended"
	if e.Asked != nil {
		asked = fmt.Sprintf("the script asks at %s for %s", e.Asked.Site, show(e.Asked))
	}
	return fmt.Sprintf("step %s: the journal has %s from %s; %s", e.Recorded.Path, show(e.Recorded), e.Recorded.Site, asked)
}

// Is makes it ErrDiverged.
func (e *DivergedError) Is(target error) bool { return target == ErrDiverged }

// As makes it an errs.Error that may be shown.
func (e *DivergedError) As(target any) bool { return asConflict(target, e) }

// UnknownOutcomeError names the call that a person must decide about. It is ErrUnknownOutcome.
type UnknownOutcomeError struct{ Entry Entry }

// Error says what may have happened.
func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("step %s at %s: it is not known whether %s happened", e.Entry.Path, e.Entry.Site, show(&e.Entry))
}

// Is makes it ErrUnknownOutcome.
func (e *UnknownOutcomeError) Is(target error) bool { return target == ErrUnknownOutcome }

// As makes it an errs.Error that may be shown.
func (e *UnknownOutcomeError) As(target any) bool { return asConflict(target, e) }

func asConflict(target any, err error) bool {
	e, ok := target.(**errs.Error)
	if ok {
		*e = errs.New(errs.Conflict, "%s", err.Error())
	}
	return ok
}

// show returns a call as one would write it, shortened.
func show(e *Entry) string {
	args := string(e.Args)
	if len(args) > 200 {
		args = args[:200] + "…"
	}
	return e.Name + args
}
