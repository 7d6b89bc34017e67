package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"nightkeeper/internal/kit/errs"
)

func TestScriptActsOnAnswersAndResolves(t *testing.T) {
	w := &world{}
	src := Source{Name: "retry-storm.md", Blocks: []Block{
		{FirstLine: 7, Text: "errors = logs.query(service = incident.service)\n"},
		{FirstLine: 20, Text: "def act(n):\n    return scale(n, factor = 2)\n\nif errors.ok and errors.value > 0:\n    r = act(6)\n    resolve('scaled to %d' % params['target'])\n"},
	}}
	inputs := map[string]any{
		"incident": map[string]any{"service": "checkout", "labels": map[string]string{"zone": "a"}},
		"params":   map[string]any{"target": 6},
	}
	o, err := Run(t.Context(), src, inputs, w, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Kind != Resolved || o.Reason != "scaled to 6" || o.Site != "retry-storm.md:25:12" || o.Calls != 2 {
		t.Errorf("got outcome %+v", o)
	}
	if got, want := fmt.Sprint(w.calls[0].Args), "map[level:error service:checkout]"; got != want {
		t.Errorf("got %s, want the default filled in: %s", got, want)
	}
	if got, want := w.calls[1].Site, "retry-storm.md:21:17"; got != want {
		t.Errorf("got site %s, want %s", got, want)
	}
	if got, ok := w.calls[1].Args["factor"].(float64); !ok || got != 2 {
		t.Errorf("got factor %v, want the float 2", w.calls[1].Args["factor"])
	}
}

func TestOutcomes(t *testing.T) {
	f := func(text string, want Outcome) {
		t.Helper()
		w := &world{answer: func(c Call) (Result, error) { return Result{Error: "no such thing"}, nil }}
		got := run(t, text, w)
		got.Trace, got.Calls = "", 0
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
		}
	}
	f("", Outcome{Kind: Finished})
	f("x = 1", Outcome{Kind: Finished})
	f("escalate('cannot tell', context = {'tried': [1, None, 2.0]})",
		Outcome{Kind: Escalated, Reason: "cannot tell", Context: map[string]any{"tried": []any{int64(1), nil, 2.0}}, Site: "book.md:10:9"})
	f("fail('too', 'bad')", Outcome{Kind: Failed, Reason: "too bad", Site: "book.md:10:5"})
	f("x = 1 // 0", Outcome{Kind: Failed, Reason: "floored division by zero", Site: "book.md:10:7"})
	f("must(logs.query(service = 'x'))", Outcome{Kind: Failed, Reason: "must: no such thing", Site: "book.md:10:5"})
	f("r = logs.query(service = 'x')\nif not r: resolve(r.error)", Outcome{Kind: Resolved, Reason: "no such thing", Site: "book.md:11:18"})
	f("def f(n):\n    return f(n + 1)\nf(0)", Outcome{Kind: Failed, Reason: "function f called recursively", Site: "book.md:11:12"})
	f("echo(value = len)", Outcome{Kind: Failed, Reason: "echo: value: a builtin_function_or_method cannot leave the script; give strings, numbers, lists or dicts", Site: "book.md:10:5"})
	f("a = []\na.append(a)\necho(value = a)", Outcome{Kind: Failed, Reason: "echo: value: nested deeper than 64 levels, or contains itself", Site: "book.md:12:5"})
	f("echo(value = {1: 2})", Outcome{Kind: Failed, Reason: "echo: value: a dict must have strings as keys, not int 1; use str()", Site: "book.md:10:5"})
	f("n = 'x'\nscale(to = n)", Outcome{Kind: Failed, Reason: "scale: to must be an int, got string", Site: "book.md:11:6"})
	f("k = {'too': 1}\nscale(**k)", Outcome{Kind: Failed, Reason: "scale has no parameter too; did you mean to?; it takes to (int, required), factor (float)", Site: "book.md:11:6"})
	f("incident.service", Outcome{Kind: Failed, Reason: "struct has no .service attribute", Site: "book.md:10:9"})
}

func TestLanguageOfScripts(t *testing.T) {
	w := &world{answer: func(c Call) (Result, error) {
		if c.Name == Now {
			return Result{OK: true, Value: 1_700_000_000}, nil
		}
		return Result{OK: true}, nil
	}}
	run(t, `
s = set([3, 1])
i = 0
while i < 3:
    i += 1
for x in s:
    i += x
print("i", i, time.now() + 1, sep = "|")
print(json.encode({"a": [1, 2.5, None]}), math.floor(2.7), struct(a = 1).a)
`, w)
	want := "i|7|1700000001\n{\"a\":[1,2.5,null]} 2 1"
	if got := w.notes(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnswersKeepTheirTypes(t *testing.T) {
	w := &world{}
	run(t, `
for v in [1, 1.0, None, True, "é", b"\xff\x00", 1 << 80, -(1 << 80), [1, [2.0]], {"b": 1, "a": {}}, 1e300, -0.0, float("inf")]:
    r = echo(value = v)
    print(type(r.value), r.value == v, r.value)
`, w)
	if strings.Contains(w.notes(), "False") {
		t.Errorf("a value changed on its way:\n%s", w.notes())
	}
}

func TestSmallValuesThatAreLargeWrittenOutStayInside(t *testing.T) {
	w := &world{}
	o := run(t, "a = 'x' * 1000\nfor i in range(20):\n    a = [a, a, a, a, a, a, a, a]\necho(value = a)", w)
	if o.Kind != Failed || !strings.Contains(o.Reason, "larger than 1024 KiB") {
		t.Errorf("got %+v", o)
	}
}

func TestLargeAnswersAreCutAndSaySo(t *testing.T) {
	w := &world{answer: func(c Call) (Result, error) {
		return Result{OK: true, Value: map[string]any{"a": strings.Repeat("é", MaxResult), "b": []int{1, 2}}}, nil
	}}
	o := run(t, "r = echo(value = 1)\nresolve(str([r.cut, len(r.value['a']), 'b' in r.value]))", w)
	if want := fmt.Sprintf("[True, %d, False]", MaxResult-8); o.Reason != want {
		t.Errorf("got %s, want %s", o.Reason, want)
	}
}

func TestStepLimitStopsEndlessLoops(t *testing.T) {
	for _, text := range []string{"while True:\n    pass", "for i in range(1 << 40):\n    x = i", "def f():\n    while True:\n        pass\nsorted([1], key = lambda x: f())"} {
		_, err := Run(t.Context(), source(text), nil, &world{}, Limits{Steps: 100_000})
		if !errors.Is(err, ErrLimit) || !errs.Is(err, errs.Invalid) || errs.Message(err) != "script ran more than 100000 steps and was stopped" {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestCallLimit(t *testing.T) {
	w := &world{}
	_, err := Run(t.Context(), source("while True:\n    print(1)"), nil, w, Limits{Calls: 50})
	if !errors.Is(err, ErrLimit) || len(w.calls) != 50 {
		t.Errorf("got %v after %d calls", err, len(w.calls))
	}
}

func TestEndOfContextStopsAScript(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("shutting down")
	w := &world{answer: func(Call) (Result, error) { cancel(why); return Result{OK: true}, nil }}
	_, err := Run(ctx, source("scale(1)\nwhile True:\n    pass"), nil, w, Limits{Steps: 1 << 60})
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestErrorsOfEffectsUnwindAndKeepTheirIdentity(t *testing.T) {
	for _, want := range []error{ErrParked, ErrAborted, ErrUnknownOutcome, context.Canceled} {
		w := &world{answer: func(c Call) (Result, error) { return Result{}, want }}
		_, err := Run(t.Context(), source("x = sorted([2, 1], key = lambda n: scale(n))\nprint('not reached')"), nil, w, Limits{})
		if !errors.Is(err, want) || len(w.calls) != 1 {
			t.Errorf("got %v after %s, want %v", err, w.names(), want)
		}
	}
}
