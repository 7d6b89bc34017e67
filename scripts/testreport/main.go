// Command testreport reads the output of "go test -json" and prints what a person wants of it: the closing line of every
// package, the whole output of what failed, and every test that was skipped with its reason. It fails when a test failed,
// and, where the environment has CI set, when a test was skipped that needs chromium, PostgreSQL or Prometheus.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

func main() {
	r := newReport(os.Stdout)
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.close(os.Getenv("CI") != "") {
		os.Exit(1)
	}
}

// line is one line of "go test -json".
type line struct {
	Action      string
	Package     string
	ImportPath  string // of a package that does not build
	Test        string
	Output      string
	FailedBuild string
}

// key is one test, or with an empty name its package.
type key struct{ pkg, test string }

// report gathers what to print.
type report struct {
	out     io.Writer
	said    map[key][]string
	builds  map[string][]string
	skipped []string
	passed  int
	failed  int
}

func newReport(out io.Writer) *report {
	return &report{out: out, said: map[key][]string{}, builds: map[string][]string{}}
}

// read takes lines in until the end.
func (r *report) read(in io.Reader) error {
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var l line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			// Not of go test: what the toolchain says goes through as it is.
			fmt.Fprintln(r.out, sc.Text())
			continue
		}
		r.take(l)
	}
	return sc.Err()
}

func (r *report) take(l line) {
	k := key{l.Package, l.Test}
	switch l.Action {
	case "output":
		r.said[k] = append(r.said[k], l.Output)
		if l.Test == "" && closing.MatchString(l.Output) {
			fmt.Fprint(r.out, l.Output)
		}
	case "build-output":
		r.builds[l.ImportPath] = append(r.builds[l.ImportPath], l.Output)
	case "pass":
		if l.Test != "" {
			r.passed++
		}
		delete(r.said, k)
	case "skip":
		if l.Test != "" {
			r.skipped = append(r.skipped, l.Package+" "+l.Test+": "+reason(r.said[k]))
		}
		delete(r.said, k)
	case "fail":
		r.fail(k, l.FailedBuild)
	}
}

// closing is the last line of a package's test.
var closing = regexp.MustCompile(`^(ok  |FAIL|---|\?)\s`)

// fail prints what a failed test said. A package that failed has said what is wrong with no test of its own: a panic, a
// time-out, a build.
func (r *report) fail(k key, build string) {
	r.failed++
	for _, s := range r.builds[build] {
		fmt.Fprint(r.out, s)
	}
	delete(r.builds, build)
	for _, s := range r.said[k] {
		if !closing.MatchString(s) || k.test != "" {
			fmt.Fprint(r.out, s)
		}
	}
	delete(r.said, k)
	if k.test != "" {
		return
	}
	// Tests that were cut off belong to nothing that failed.
	for open, lines := range r.said {
		if open.pkg == k.pkg {
			fmt.Fprint(r.out, strings.Join(lines, ""))
			delete(r.said, open)
		}
	}
}

// reason finds in a skipped test's output why it was.
func reason(lines []string) string {
	var out []string
	for _, s := range lines {
		s = strings.TrimSpace(s)
		if s != "" && !strings.HasPrefix(s, "===") && !strings.HasPrefix(s, "--- ") {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// needed matches the reasons that are not accepted where everything must run.
var needed = regexp.MustCompile(`(?i)chromium|postgres|prometheus`)

// close prints what was skipped and the sum, and reports whether all is well.
func (r *report) close(strict bool) bool {
	well := r.failed == 0
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", s)
		if strict && needed.MatchString(s) {
			fmt.Fprintln(r.out, "FAIL: CI is set, and this test was skipped for want of chromium, PostgreSQL or Prometheus")
			well = false
		}
	}
	if r.passed == 0 {
		fmt.Fprintln(r.out, "FAIL: no test ran")
		well = false
	}
	fmt.Fprintf(r.out, "%d tests passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skipped))
	return well
}
