package script

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"nightkeeper/internal/kit/errs"
)

// Recorder keeps the journal of one run.
type Recorder interface {
	// Record stores the entry under its Seq, in place of an earlier one, and returns when it is durable. An error
	// unwinds the script: an effect is never started without its recorded intent.
	Record(ctx context.Context, e Entry) error
}

// Answer is what a probe found out.
type Answer string

// The answers of a probe.
const (
	Happened    Answer = "happened"
	NotHappened Answer = "not happened"
	CannotTell  Answer = "cannot tell"
)

// Prober is implemented by Effects that can find out whether an undoable call got through before a crash.
type Prober interface {
	// Probe looks and changes nothing. The result is the answer of the call when it has Happened.
	Probe(ctx context.Context, c Call) (Answer, Result, error)
}

// Replayer is Effects with a memory: it answers from the journal as long as the journal has answers, and from then on
// it asks the live effects and records. One Replayer serves one Run.
type Replayer struct {
	run     string
	journal []Entry
	record  Recorder
	live    Effects
	classes map[string]Class
}

// NewReplayer returns the effects for a run with the journal that it has so far, in order of Seq from 1. run is part of
// the idempotency keys.
func NewReplayer(run string, journal []Entry, record Recorder, live Effects) *Replayer {
	classes := map[string]Class{}
	for _, b := range append(Core(), live.Builtins()...) {
		classes[b.Name] = b.Class
	}
	return &Replayer{run: run, journal: slices.Clone(journal), record: record, live: live, classes: classes}
}

// Builtins returns those of the live effects.
func (r *Replayer) Builtins() []Builtin { return r.live.Builtins() }

// Do answers from the journal or from the live effects.
func (r *Replayer) Do(ctx context.Context, c Call) (Result, error) {
	entry := newEntry(c, r.class(c.Name))
	c.Key = r.run + "/" + c.Path
	if c.Seq > len(r.journal) {
		return r.do(ctx, c, entry)
	}
	recorded := r.journal[c.Seq-1]
	if recorded.Seq != c.Seq {
		return Result{}, errs.New(errs.Internal, "the journal has entry %d in the place of %d", recorded.Seq, c.Seq)
	}
	if recorded.Path != c.Path || recorded.Name != c.Name || recorded.ArgsHash != entry.ArgsHash {
		return Result{}, &DivergedError{Recorded: &recorded, Asked: &entry}
	}
	entry.Class = recorded.Class // what it was when it was done
	switch recorded.State {
	case Done:
		return DecodeResult(recorded.Result)
	case Waiting:
		return r.do(ctx, c, entry)
	}
	return r.dangling(ctx, c, entry)
}

// dangling handles a call that was started and whose answer was lost.
func (r *Replayer) dangling(ctx context.Context, c Call, entry Entry) (Result, error) {
	c.Again = true
	switch entry.Class {
	case Read, Keyed:
		return r.do(ctx, c, entry)
	case Undoable:
		if p, ok := r.live.(Prober); ok {
			answer, result, err := p.Probe(ctx, c)
			if err != nil {
				return Result{}, fmt.Errorf("probe: %w", err)
			}
			switch answer {
			case Happened:
				return r.done(ctx, entry, result)
			case NotHappened:
				c.Again = false
				return r.do(ctx, c, entry)
			}
		}
	}
	return Result{}, r.unknown(ctx, entry)
}

// do records the intent, does the call and records the answer.
func (r *Replayer) do(ctx context.Context, c Call, entry Entry) (Result, error) {
	if err := r.save(ctx, entry, Intent); err != nil {
		return Result{}, err
	}
	result, err := r.live.Do(ctx, c)
	switch {
	case err == nil:
		return r.done(ctx, entry, result)
	case errors.Is(err, ErrParked):
		if err := r.save(ctx, entry, Waiting); err != nil {
			return Result{}, err
		}
	case errors.Is(err, ErrUnknownOutcome):
		return Result{}, r.unknown(ctx, entry)
	}
	return Result{}, err // without a word the intent stays, and its class decides when the run goes on
}

func (r *Replayer) done(ctx context.Context, entry Entry, result Result) (Result, error) {
	entry.Result = EncodeResult(result)
	// The effect has happened: its answer is kept also when the run was cancelled meanwhile.
	if err := r.save(context.WithoutCancel(ctx), entry, Done); err != nil {
		return Result{}, err
	}
	return DecodeResult(entry.Result) // the same value now as in every replay
}

func (r *Replayer) unknown(ctx context.Context, entry Entry) error {
	if err := r.save(context.WithoutCancel(ctx), entry, Unknown); err != nil {
		return err
	}
	entry.State = Unknown
	return &UnknownOutcomeError{Entry: entry}
}

func (r *Replayer) save(ctx context.Context, entry Entry, s State) error {
	entry.State = s
	if err := r.record.Record(ctx, entry); err != nil {
		return fmt.Errorf("record step %s as %s: %w", entry.Path, s, err)
	}
	if entry.Seq <= len(r.journal) {
		r.journal[entry.Seq-1] = entry
	} else {
		r.journal = append(r.journal, entry)
	}
	return nil
}

// End finds a script that ended before its journal did.
func (r *Replayer) End(o Outcome) error {
	for i := range r.journal {
		if e := r.journal[i]; e.Seq > o.Calls {
			return &DivergedError{Recorded: &e}
		}
	}
	return End(r.live, o)
}

// class of a built-in that is not declared is Once: nothing is known about it.
func (r *Replayer) class(name string) Class {
	if c, ok := r.classes[name]; ok && c != "" {
		return c
	}
	return Once
}
