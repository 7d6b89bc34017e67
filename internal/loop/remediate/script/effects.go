package script

import (
	"context"

	"nightkeeper/internal/kit/errs"
)

// The errors that unwind a script without being its outcome. Ask with errors.Is.
var (
	// ErrParked says that the script waits for something that may take days; nothing of the call has happened.
	ErrParked = errs.New(errs.Conflict, "the script waits")
	// ErrDiverged says that the script asked for something else than its journal holds.
	ErrDiverged = errs.New(errs.Conflict, "the script no longer matches its journal")
	// ErrAborted says that somebody stopped the run.
	ErrAborted = errs.New(errs.Conflict, "the run was stopped")
	// ErrUnknownOutcome says that a call may or may not have happened and that only a person can find out.
	ErrUnknownOutcome = errs.New(errs.Conflict, "it is not known whether the action happened")
	// ErrLimit says that the script used more than it may.
	ErrLimit = errs.New(errs.Invalid, "the script went over a limit")
)

// Names of the effects that every script has. Note carries what print wrote in the argument text; Now is answered with
// the time in seconds since 1970, an int or a float.
const (
	Note = "note"
	Now  = "now"
)

// Call is one effect that a script asks for.
type Call struct {
	Seq   int            // 1, 2, 3 ... in the order of the script
	Path  string         // branch path; a script has one branch, so it is Seq in decimal
	Name  string         // name of the built-in: "logs.query"
	Args  map[string]any // canonical values, defaults filled in
	Site  string         // file:line:col
	Key   string         // idempotency key, the same whenever this call is repeated; set by a Replayer
	Again bool           // an earlier attempt may have got through; set by a Replayer
}

// Result is the answer to a call. A script sees it as a value with the fields ok, value, error and cut, true when ok.
type Result struct {
	OK    bool   `json:"ok"`
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"` // for people and for the script, when not OK
	Cut   bool   `json:"cut,omitempty"`   // the value was larger than MaxResult and lost its tail
}

// Effects is what a script may ask for, and who does it.
type Effects interface {
	// Builtins returns the declared built-ins, the same list at each call. note and now need not be declared.
	Builtins() []Builtin

	// Do does one call and returns its answer. It is called by one goroutine, with Seq rising by one. A failed action is
	// a Result that is not OK. An error unwinds the script and is what Run returns: ErrParked when nothing has happened
	// and the run is to be continued later, ErrUnknownOutcome when it may have happened.
	Do(ctx context.Context, c Call) (Result, error)
}

// Ender is implemented by Effects that want to know how a script ended, and may object.
type Ender interface {
	// End is called once, after the last Do. Its error is returned by Run in place of the outcome.
	End(o Outcome) error
}

// End tells effects the outcome when they want to know it.
func End(effects Effects, o Outcome) error {
	if e, ok := effects.(Ender); ok {
		return e.End(o)
	}
	return nil
}

// Host is the plainest Effects: a list and a function.
type Host struct {
	List []Builtin
	Func func(ctx context.Context, c Call) (Result, error)
}

// Builtins returns the list.
func (h Host) Builtins() []Builtin { return h.List }

// Do calls the function.
func (h Host) Do(ctx context.Context, c Call) (Result, error) { return h.Func(ctx, c) }
