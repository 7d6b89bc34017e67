package script

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"nightkeeper/internal/kit/errs"
)

func TestRunThatWritesWithoutEndIsStoppedAtTheSamePlaceInEveryReplay(t *testing.T) {
	f := func(text string, calls int, want string) {
		t.Helper()
		j := &journal{}
		for i, asked := range []int{calls, 0} {
			w := &world{}
			_, err := replay(t, text, j, w)
			if !errors.Is(err, ErrLimit) || !errs.Is(err, errs.Invalid) || !strings.HasPrefix(errs.Message(err), want) {
				t.Errorf("%s, time %d: got %v, want %s", text, i+1, err, want)
			}
			if len(w.calls) != asked || len(j.entries) != calls {
				t.Errorf("%s, time %d: asked for %d and wrote %d, want %d and %d", text, i+1, len(w.calls), len(j.entries), asked, calls)
			}
		}
		size := 0
		for _, e := range j.entries {
			size += len(e.Args) + len(e.Result)
		}
		if size > MaxJournal+MaxResult {
			t.Errorf("%s wrote %d bytes", text, size)
		}
	}
	f(`while True: print("x" * 100000)`, MaxPrinted/MaxLine, "script printed more than 1024 KiB and was stopped; ")
	f(`while True: print("x")`, MaxLines, "script printed more than 1000 lines and was stopped; ")
	f("v = 'x' * 500000\nwhile True: echo(value = v)", 8, "script wrote more than 8 MiB of arguments and answers to its journal and was stopped; ")
}

func TestRunThatStaysWithinWhatItMayWriteEnds(t *testing.T) {
	if o := run(t, "for i in range(1000): print(i)\nresolve('x')", &world{}); o.Kind != Resolved {
		t.Errorf("got %+v", o)
	}
	if o := run(t, "v = 'x' * 500000\nfor i in range(8): echo(value = v)\nresolve('x')", &world{}); o.Kind != Resolved {
		t.Errorf("got %+v", o)
	}
}

func TestLongLineIsCutBetweenCharactersAndSaysSo(t *testing.T) {
	w := &world{}
	run(t, `print("xx" + "ä" * 5000)`+"\nprint('y' * 4096)", w)
	long, short, _ := strings.Cut(w.notes(), "\n")
	if len(long) > MaxLine || len(long) < MaxLine-4 || !strings.HasSuffix(long, "ä… (cut)") || !utf8.ValidString(long) {
		t.Errorf("got %d bytes that end with %q", len(long), long[len(long)-12:])
	}
	if len(short) != MaxLine {
		t.Errorf("got %d bytes of a line that fits", len(short))
	}
	if raw := line(strings.Repeat("\x80", 2*MaxLine)); len(raw) < MaxLine-4 {
		t.Errorf("got %d bytes of what is not UTF-8", len(raw))
	}
}
