package script

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// source makes a script of one block that starts in line 10 of book.md.
func source(text string) Source {
	return Source{Name: "book.md", Blocks: []Block{{Text: text, FirstLine: 10}}}
}

// builtins is what the scripts of the tests may call.
func builtins() []Builtin {
	return []Builtin{
		{Name: "logs.query", Class: Read, Params: []Param{
			{Name: "service", Type: "string", Required: true},
			{Name: "level", Type: "string", Default: "error"},
			{Name: "limit", Type: "int"},
		}},
		{Name: "metrics.value", Class: Read, Params: []Param{{Name: "query", Type: "string", Required: true}}},
		{Name: "scale", Class: Keyed, Params: []Param{{Name: "to", Type: "int", Required: true}, {Name: "factor", Type: "float"}}},
		{Name: "approve", Class: Keyed, Params: []Param{{Name: "why", Type: "string", Required: true}}},
		{Name: "shell.run", Class: Once, Params: []Param{{Name: "command", Type: "string", Required: true}}},
		{Name: "flag.set", Class: Undoable, Params: []Param{{Name: "name", Type: "string", Required: true}}},
		{Name: "wait", Class: Keyed, Params: []Param{{Name: "for", Type: "duration", Required: true}}},
		{Name: "echo", Class: Read, Params: []Param{{Name: "value"}}},
	}
}

// world records what is done to it and answers.
type world struct {
	calls  []Call
	answer func(c Call) (Result, error)
}

func (w *world) Builtins() []Builtin { return builtins() }

func (w *world) Do(_ context.Context, c Call) (Result, error) {
	w.calls = append(w.calls, c)
	if w.answer != nil {
		return w.answer(c)
	}
	if c.Name == "echo" {
		return Result{OK: true, Value: c.Args["value"]}, nil
	}
	return Result{OK: true, Value: int64(c.Seq)}, nil
}

func (w *world) names() string {
	var names []string
	for _, c := range w.calls {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// notes returns what print wrote.
func (w *world) notes() string {
	var notes []string
	for _, c := range w.calls {
		if c.Name == Note {
			notes = append(notes, c.Args["text"].(string))
		}
	}
	return strings.Join(notes, "\n")
}

// journal is a Recorder that can die at a given record, as a process does.
type journal struct {
	entries []Entry
	dieAt   int // number of the record that does not happen; 0 is never
	records int
}

func (j *journal) Record(_ context.Context, e Entry) error {
	if j.records++; j.records == j.dieAt {
		return fmt.Errorf("killed at record %d", j.records)
	}
	if e.Seq <= len(j.entries) {
		j.entries[e.Seq-1] = e
	} else {
		j.entries = append(j.entries, e)
	}
	return nil
}

func run(t testing.TB, text string, w *world) Outcome {
	t.Helper()
	o, err := Run(t.Context(), source(text), nil, w, Limits{})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return o
}

func replay(t testing.TB, text string, j *journal, w *world) (Outcome, error) {
	t.Helper()
	return Run(t.Context(), source(text), nil, NewReplayer("run_1", j.entries, j, w), Limits{})
}
