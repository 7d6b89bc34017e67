package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

func TestReplayOfTenThousandActionsIsFastAndAsksNobody(t *testing.T) {
	const text = "n = 0\nfor i in range(10000):\n    n += scale(to = i).value\nresolve(str(n))"
	j := &journal{}
	first, err := replay(t, text, j, &world{})
	if err != nil || len(j.entries) != 10_000 {
		t.Fatalf("got %v and %d entries", err, len(j.entries))
	}
	w := &world{}
	start := time.Now()
	again, err := replay(t, text, j, w)
	took := time.Since(start)
	if err != nil || again.Reason != first.Reason || len(w.calls) != 0 {
		t.Errorf("got %+v, %v and %d calls", again, err, len(w.calls))
	}
	t.Logf("replayed 10,000 actions in %v", took)
	if took > 5*time.Second {
		t.Errorf("replay took %v", took)
	}
}

func TestAnswersOfEveryTypeReplayTheSame(t *testing.T) {
	const text = `
for v in [1, 1.0, None, "x", b"\xff", 1 << 100, {"b": None, "a": [0.5]}, True]:
    r = echo(value = v)
    print(type(r.value), repr(r.value))
`
	j := &journal{}
	if _, err := replay(t, text, j, &world{}); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	if _, err := replay(t, text, j, w); err != nil || len(w.calls) != 0 {
		t.Errorf("got %v and the calls %s, want the same script again", err, w.names())
	}
}

func TestEditedScriptDiverges(t *testing.T) {
	j := &journal{}
	if _, err := replay(t, "scale(to = 6)\nprint('done')", j, &world{}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"scale(to = 7)\nprint('done')":  `step 1: the journal has scale{"to":6} from book.md:10:6; the script asks at book.md:10:6 for scale{"to":7}`,
		"scale(to = 6)\nwait('5m')":     `step 2: the journal has note{"text":"done"} from book.md:11:6; the script asks at book.md:11:5 for wait{"for":"5m"}`,
		"scale(to = 6)\nresolve('gut')": `step 2: the journal has note{"text":"done"} from book.md:11:6; the script has ended`,
	} {
		w := &world{}
		_, err := replay(t, text, j, w)
		if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), want) || !errs.Is(err, errs.Conflict) || len(w.calls) != 0 {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestParkedScriptGoesOnWhenAsked(t *testing.T) {
	const text = "scale(to = 1)\nif approve('restart?'):\n    shell.run(command = 'restart')\nresolve('restarted')"
	approved := false
	w := &world{answer: func(c Call) (Result, error) {
		if c.Name == "approve" && !approved {
			return Result{}, fmt.Errorf("wait for two people: %w", ErrParked)
		}
		return Result{OK: true}, nil
	}}
	j := &journal{}
	for range 3 {
		if _, err := replay(t, text, j, w); !errors.Is(err, ErrParked) {
			t.Fatalf("got %v", err)
		}
		if got := j.entries[1].State; got != Waiting {
			t.Errorf("got state %s", got)
		}
	}
	approved = true
	o, err := replay(t, text, j, w)
	if err != nil || o.Kind != Resolved {
		t.Errorf("got %+v, %v", o, err)
	}
	if got, want := w.names(), "scale approve approve approve approve shell.run"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if c := w.calls[4]; c.Key != "run_1/2" || c.Again {
		t.Errorf("got %+v; a call that waited has not happened before", c)
	}
}

func TestOnceThatWaitsForApprovalIsNotInDoubt(t *testing.T) {
	approved := false
	w := &world{answer: func(c Call) (Result, error) {
		if !approved {
			return Result{}, ErrParked
		}
		return Result{OK: true}, nil
	}}
	j := &journal{}
	const text = "shell.run(command = 'restart')"
	if _, err := replay(t, text, j, w); !errors.Is(err, ErrParked) {
		t.Fatal(err)
	}
	approved = true
	if o, err := replay(t, text, j, w); err != nil || o.Kind != Finished {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestLostAnswerIsHandledByClass(t *testing.T) {
	// Each script dies before its answer is recorded: record 1 is the intent, record 2 the answer.
	f := func(text string, w Effects, wantErr error, wantState State) {
		t.Helper()
		j := &journal{dieAt: 2}
		if _, err := Run(t.Context(), source(text), nil, NewReplayer("run_1", nil, j, w), Limits{}); err == nil {
			t.Fatal("want the process to die")
		}
		_, err := Run(t.Context(), source(text), nil, NewReplayer("run_1", j.entries, j, w), Limits{})
		if wantErr == nil && err != nil || wantErr != nil && !errors.Is(err, wantErr) {
			t.Errorf("%s: got %v, want %v", text, err, wantErr)
		}
		if got := j.entries[0].State; got != wantState {
			t.Errorf("%s: got state %s, want %s", text, got, wantState)
		}
	}
	w := &world{}
	f("logs.query(service = 'a')", w, nil, Done)
	f("scale(to = 6)", w, nil, Done)
	if a, b := w.calls[2], w.calls[3]; a.Key != b.Key || a.Again || !b.Again {
		t.Errorf("got %+v and %+v, want the same key twice", a, b)
	}
	once := &world{}
	f("shell.run(command = 'pay')", once, ErrUnknownOutcome, Unknown)
	if len(once.calls) != 1 {
		t.Errorf("shell.run was done %d times", len(once.calls))
	}
	f("flag.set(name = 'a')", &world{}, ErrUnknownOutcome, Unknown)
	f("flag.set(name = 'a')", &prober{answer: CannotTell}, ErrUnknownOutcome, Unknown)
	yes, no := &prober{answer: Happened}, &prober{answer: NotHappened}
	f("flag.set(name = 'a')", yes, nil, Done)
	f("flag.set(name = 'a')", no, nil, Done)
	if len(yes.calls) != 1 || len(no.calls) != 2 {
		t.Errorf("got %d and %d calls, want the probe to decide", len(yes.calls), len(no.calls))
	}
}

type prober struct {
	world
	answer Answer
}

func (p *prober) Probe(context.Context, Call) (Answer, Result, error) {
	return p.answer, Result{OK: true}, nil
}

func TestPersonDecidesAboutAnUnknownOutcome(t *testing.T) {
	const text = "r = shell.run(command = 'pay')\nresolve(str(r.value))"
	w := &world{answer: func(c Call) (Result, error) { return Result{}, fmt.Errorf("timed out: %w", ErrUnknownOutcome) }}
	j := &journal{}
	_, err := replay(t, text, j, w)
	var unknown *UnknownOutcomeError
	if !errors.As(err, &unknown) || unknown.Entry.Name != "shell.run" || j.entries[0].State != Unknown {
		t.Fatalf("got %v", err)
	}
	happened := &journal{entries: []Entry{j.entries[0]}}
	happened.entries[0].State = Done
	happened.entries[0].Result = EncodeResult(Result{OK: true, Value: "paid"})
	if o, err := replay(t, text, happened, w); err != nil || o.Reason != "paid" || len(w.calls) != 1 {
		t.Errorf("got %+v, %v", o, err)
	}
	not := &journal{entries: []Entry{j.entries[0]}}
	not.entries[0].State = Waiting
	w.answer = nil
	if o, err := replay(t, text, not, w); err != nil || o.Kind != Resolved || len(w.calls) != 2 {
		t.Errorf("got %+v, %v", o, err)
	}
}

// TestCrashAtEveryRecord is the walk over all places where a process can die: however often it does, the script ends
// the same, what is read may be read again, what is keyed keeps its key, and once is done at most once.
func TestCrashAtEveryRecord(t *testing.T) {
	const text = `
for i in range(3):
    logs.query(service = "s%d" % i)
    scale(to = i)
    shell.run(command = "c%d" % i)
resolve("done")
`
	for dieAt := 1; dieAt <= 18; dieAt++ {
		w := &world{}
		j := &journal{dieAt: dieAt}
		if _, err := replay(t, text, j, w); err == nil {
			t.Fatalf("want death at %d", dieAt)
		}
		j.dieAt = 0
		o, err := replay(t, text, j, w)
		for errors.Is(err, ErrUnknownOutcome) { // the person looked: it had happened
			var u *UnknownOutcomeError
			errors.As(err, &u)
			u.Entry.State, u.Entry.Result = Done, EncodeResult(Result{OK: true})
			j.entries[u.Entry.Seq-1] = u.Entry
			o, err = replay(t, text, j, w)
		}
		if err != nil || o.Kind != Resolved {
			t.Errorf("death at %d: got %+v, %v", dieAt, o, err)
		}
		done := map[string]int{}
		for _, c := range w.calls {
			if c.Name == "shell.run" {
				done[c.Key]++
			}
		}
		for key, n := range done {
			if n > 1 {
				t.Errorf("death at %d: %s was done %d times", dieAt, key, n)
			}
		}
	}
}

func BenchmarkReplay10000(b *testing.B) {
	const text = "for i in range(10000):\n    scale(to = i)"
	j := &journal{}
	if _, err := replay(b, text, j, &world{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := replay(b, text, j, &world{}); err != nil {
			b.Fatal(err)
		}
	}
}
