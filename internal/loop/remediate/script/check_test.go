package script

import (
	"errors"
	"strings"
	"testing"

	"nightkeeper/internal/kit/errs"
)

func TestCheckSaysWhatWouldBeRight(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		err := Check(source(text), builtins())
		if want == "" {
			if err != nil {
				t.Errorf("%s\ngot %v, want no problem", text, err)
			}
			return
		}
		if err == nil || errs.Message(err) != want || !errs.Is(err, errs.Invalid) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
	f("x = 1\nif x > 0:\n    print(x)", "")
	f("logz.query(service = 'a')", "book.md:10:1: unknown name logz; did you mean logs?")
	f("\n\nreslove('x')", "book.md:12:1: unknown name reslove; did you mean resolve?")
	f("total = 1\nprint(totl)", "book.md:11:7: unknown name totl; did you mean total?")
	f("def f(): \n    total = 1\n    return totl", "book.md:12:12: unknown name totl; did you mean total?")
	f("logs.qurey(service = 'a')", "book.md:10:6: logs has no qurey; did you mean query?; it has query")
	f("logs(service = 'a')", "book.md:10:1: logs is a namespace, not a function; it has query")
	f("logs.query(servce = 'a', service = 'b')", "book.md:10:12: logs.query has no parameter servce; did you mean service?; it takes service (string, required), level (string), limit (int)")
	f("logs.query(level = 'error')", "book.md:10:1: logs.query needs service; it takes service (string, required), level (string), limit (int)")
	f("logs.query('a', 'b', 3, 4)", "book.md:10:25: logs.query got too many arguments; it takes service (string, required), level (string), limit (int)")
	f("logs.query(*x, **y)", "book.md:10:13: unknown name x; a script knows approve, echo, escalate, flag, incident, json, logs, math, metrics, must, params, print, resolve, scale, shell, struct, time, wait\nbook.md:10:18: unknown name y; a script knows approve, echo, escalate, flag, incident, json, logs, math, metrics, must, params, print, resolve, scale, shell, struct, time, wait")
	f("scale(to = '6')", "book.md:10:7: scale: to must be an int, got string")
	f("scale(6, factor = None)", "")
	f("scale(None)", "book.md:10:7: scale: to must be an int, got None")
	f("wait('5 minutes')", `book.md:10:6: wait: for must be a duration such as "90s" or "5m", got "5 minutes"`)
	f("resolve()", "book.md:10:1: resolve needs reason; it takes reason (string, required)")
	f("import os", "book.md:10:1: a script has no imports; all built-ins are there already")
	f("try:\n    x = 1\nexcept:\n    pass", "book.md:10:1: there is no try; a built-in returns a result: test .ok, or stop with must(result)")
	f("x = 1\nif x is None:\n    pass", "book.md:11:8: there is no is; use ==")
	f("load('a.star', 'b')", "book.md:10:1: there is no load; a runbook stands alone")
	f("time.sleep(5)", "book.md:10:6: time has no sleep; it has now")
	f("json.encod({})", "book.md:10:6: json has no encod; did you mean encode?; it has decode, encode, encode_indent, indent")
	f("logs = struct(query = 1)\nlogs.anything()", "") // the script's own name
	f(strings.Repeat("(", 200), "book.md:10:1: brackets are nested deeper than 100")
	f(strings.Repeat("x = 1\n", maxSource/6+1), "book.md: the script has 256 KiB; at most 256 KiB are read")
}

func TestCheckPointsIntoTheBlockOfTheMarkdown(t *testing.T) {
	src := Source{Name: "book.md", Blocks: []Block{{Text: "x = 1\n", FirstLine: 5}, {Text: "y = x\nz = (\n", FirstLine: 30}, {Text: "q = !\n", FirstLine: 40}}}
	var problems Problems
	if err := Check(src, nil); !errors.As(err, &problems) || len(problems) != 2 || problems[0].Line != 32 || problems[1].Line != 40 {
		t.Errorf("got %v", err)
	}
}

func TestUsesAreListedForADryRun(t *testing.T) {
	uses, err := Uses(source("if logs.query(service = 'a'):\n    shell.run(command = 'reboot')"), builtins())
	if err != nil || len(uses) != 2 || uses[1] != (Use{Name: "shell.run", Class: Once, Site: "book.md:11:5"}) {
		t.Errorf("got %v, %v", uses, err)
	}
}

func TestHashIsOfTheTextOnly(t *testing.T) {
	a := Source{Name: "a.md", Blocks: []Block{{Text: "x = 1", FirstLine: 3}, {Text: "y = 2"}}}
	moved := Source{Name: "b.md", Blocks: []Block{{Text: "x = 1", FirstLine: 9}, {Text: "y = 2"}}}
	joined := Source{Name: "a.md", Blocks: []Block{{Text: "x = 1y = 2", FirstLine: 3}}}
	if a.Hash() != moved.Hash() || a.Hash() == joined.Hash() || len(a.Hash()) != 64 {
		t.Error("the hash must be of the blocks' text")
	}
}

// FuzzCheck holds that no text breaks the parser.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"x = 1", "logs.query(service='a', *y)", "def f(a, *, b=1, **k):\n  return lambda: a", "for x in [y for y in z if y]: pass", "((((", "\t\n  x", "b'\\xff'[1:2]", "-" + strings.Repeat("-", 5000) + "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := Check(source(text), builtins())
		var problems Problems
		if err != nil && errors.As(err, &problems) && problems[0].Message == "" {
			t.Errorf("a problem without a message: %v", err)
		}
	})
}
