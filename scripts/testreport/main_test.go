package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const pass = `{"Action":"output","Package":"nightkeeper/a","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"nightkeeper/a","Test":"TestA"}
{"Action":"output","Package":"nightkeeper/a","Output":"ok  \tnightkeeper/a\t0.1s\n"}
{"Action":"pass","Package":"nightkeeper/a"}
`
	const skip = `{"Action":"output","Package":"nightkeeper/b","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"nightkeeper/b","Test":"TestB","Output":"    b_test.go: no chromium found\n"}
{"Action":"skip","Package":"nightkeeper/b","Test":"TestB"}
`
	const fail = `{"Action":"output","Package":"nightkeeper/c","Test":"TestC","Output":"    got 1, want 2\n"}
{"Action":"fail","Package":"nightkeeper/c","Test":"TestC"}
{"Action":"output","Package":"nightkeeper/c","Output":"FAIL\tnightkeeper/c\t0.1s\n"}
{"Action":"fail","Package":"nightkeeper/c"}
`
	const build = `{"ImportPath":"nightkeeper/d","Action":"build-output","Output":"d.go: undefined: x\n"}
{"ImportPath":"nightkeeper/d","Action":"build-fail"}
{"Action":"output","Package":"nightkeeper/d","Output":"FAIL\tnightkeeper/d [build failed]\n"}
{"Action":"fail","Package":"nightkeeper/d","FailedBuild":"nightkeeper/d"}
`
	const panics = `{"Action":"output","Package":"nightkeeper/e","Test":"TestE","Output":"panic: oh\n"}
{"Action":"fail","Package":"nightkeeper/e"}
`
	for _, c := range []struct {
		name, in string
		strict   bool
		well     bool
		says     []string
		not      string
	}{
		{"what passes is one line", pass, true, true, []string{"ok  \tnightkeeper/a", "1 tests passed, 0 failed, 0 skipped"}, "noise"},
		{"a skipped test is named with its reason", pass + skip, false, true, []string{"skipped: nightkeeper/b TestB: b_test.go: no chromium found"}, "FAIL"},
		{"and fails where everything must run", pass + skip, true, false, []string{"FAIL: CI is set"}, ""},
		{"so does one that wants a peer", pass + strings.Replace(skip, "no chromium found", "no amtool found: install Debian's prometheus", 1), true, false, []string{"FAIL: CI is set"}, ""},
		{"a failure is shown whole", pass + fail, false, false, []string{"got 1, want 2", "FAIL\tnightkeeper/c"}, "noise"},
		{"so is what does not build", pass + build, false, false, []string{"d.go: undefined: x"}, ""},
		{"and a test that was cut off", pass + panics, false, false, []string{"panic: oh"}, ""},
		{"nothing is not success", "", false, false, []string{"no test ran"}, ""},
		{"what is not JSON goes through", pass + "go: downloading x\n", false, true, []string{"go: downloading x"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if got := r.close(c.strict); got != c.well {
				t.Errorf("got %v, want %v", got, c.well)
			}
			for _, s := range c.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("%q is not in:\n%s", s, out.String())
				}
			}
			if c.not != "" && strings.Contains(out.String(), c.not) {
				t.Errorf("%q is in:\n%s", c.not, out.String())
			}
		})
	}
}
