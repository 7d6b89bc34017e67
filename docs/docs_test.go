// Package docs_test checks what the documentation says: paths and links exist, examples are valid, and lists are complete.
package docs_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond/diagnose"
)

const root = ".."

var update = flag.Bool("update", false, "rewrite the list of calls in docs/api.md")

// pages returns the text of every page of documentation by its path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	add := func(path string) {
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		out[path] = string(b)
	}
	for _, p := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		add(p)
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path == "examples" {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".md") {
			add(filepath.Join("docs", path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// block is a fenced piece of a page.
type block struct {
	page, language, text string
}

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

func blocks(t *testing.T) []block {
	t.Helper()
	var out []block
	for page, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			out = append(out, block{page, m[1], m[2]})
		}
	}
	return out
}

var (
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inCode = regexp.MustCompile("`((?:internal|cmd|docs|scripts|test|tools)/[\\w./-]+|[\\w-]+\\.(?:md|conf))`")
)

// What a page names in our own tree is there. Fenced blocks are left out: they have paths of users.
func TestPathsExist(t *testing.T) {
	for page, text := range pages(t) {
		text = fence.ReplaceAllString(text, "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if to == "" || strings.Contains(to, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
		for _, m := range inCode.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}

// What docs/ARCHITECTURE.md draws as the tree is the tree.
func TestTreeOfArchitecture(t *testing.T) {
	text := pages(t)["docs/ARCHITECTURE.md"]
	tree := fence.FindStringSubmatch(text)[2]
	at := map[int]string{0: ""}
	for line := range strings.Lines(tree) {
		name := strings.Fields(line)
		if len(name) == 0 {
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		dir := filepath.Join(at[depth], name[0])
		if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
			t.Errorf("the tree has %s, which is not there", dir)
		}
		at[depth+1] = dir
	}
}

const exampleDir = "examples/catalog"

func TestExampleCatalogIsGood(t *testing.T) {
	c, problems := catalog.Load(os.DirFS(exampleDir))
	for _, p := range append(problems, remediate.CheckRunbooks(c)...) {
		t.Error(p)
	}
	if len(c.Services) == 0 || len(c.Runbooks) == 0 {
		t.Error("the example catalog has no services or no runbooks")
	}
}

// The blocks load as they are written. What had to be made of them is said, and is all that is said.
func TestExampleBlocksLoad(t *testing.T) {
	c, problems := catalog.Load(os.DirFS("examples/blocks"))
	for _, p := range problems {
		made := strings.Contains(p.Message, " made of ") || strings.HasPrefix(p.Message, "integration Tracker") || strings.HasPrefix(p.Message, "no region covers")
		if !p.Warning || !made {
			t.Error(p)
		}
	}
	if p := c.PolicyFor("ferry-booking"); p == nil || p.Name != "booking-oncall" || len(p.Steps) != 3 || c.Services["ferry-booking"].Team != "booking" {
		t.Errorf("%+v", p)
	}
	if r := c.Regions["americas"]; r == nil || len(r.Chain) != 3 || len(c.Roles) != 1 || len(c.Handoffs) != 1 {
		t.Errorf("%+v", r)
	}
}

// Every YAML document, runbook and script on a page is part of the examples, word for word.
func TestExamplesOnPagesAreOfTheExampleCatalog(t *testing.T) {
	var all strings.Builder
	err := filepath.WalkDir("examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, b := range blocks(t) {
		if !slices.Contains([]string{"yaml", "starlark", "markdown"}, b.language) {
			continue
		}
		found++
		if !strings.Contains(all.String(), strings.TrimSpace(b.text)) {
			t.Errorf("%s has an example that is not in docs/%s:\n%s", b.page, exampleDir, b.text)
		}
	}
	if found < 10 {
		t.Errorf("found only %d examples", found)
	}
}

// Every snippet of docs/gate.md is a file that its tool can read, and is on the page. What they ask is tested where it is answered.
func TestSnippetsOfTheGate(t *testing.T) {
	page := pages(t)["docs/gate.md"]
	files, err := filepath.Glob("examples/gate/*")
	if err != nil || len(files) < 8 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page, string(b)) {
			t.Errorf("docs/gate.md does not show %s as it is", f)
		}
		if !strings.HasSuffix(f, ".yaml") {
			if n := strings.Count(string(b), "{"); n == 0 || n != strings.Count(string(b), "}") {
				t.Errorf("%s has braces that do not match", f)
			}
			continue
		}
		var v map[string]any
		if err := yaml.UnmarshalWithOptions(b, &v, yaml.Strict()); err != nil || len(v) == 0 {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestJSONOnPagesIsJSON(t *testing.T) {
	for _, b := range blocks(t) {
		if b.language == "json" && !json.Valid([]byte(b.text)) {
			t.Errorf("%s has JSON that is none:\n%s", b.page, b.text)
		}
	}
}

// docs/catalog.md has every field of every kind.
func TestCatalogPageIsComplete(t *testing.T) {
	text := pages(t)["docs/catalog.md"] + pages(t)["docs/slo.md"] + pages(t)["docs/alerts.md"] + pages(t)["docs/command.md"]
	for _, kind := range []any{
		catalog.Meta{}, catalog.Service{}, catalog.Team{}, catalog.Person{}, catalog.Contact{}, catalog.Schedule{}, catalog.Override{},
		catalog.EscalationPolicy{}, catalog.Step{}, catalog.Target{}, catalog.BudgetPolicy{}, catalog.Experiment{}, catalog.Fault{},
		catalog.Runbook{}, catalog.Trigger{}, catalog.Integration{}, catalog.Heartbeat{},
		catalog.Region{}, catalog.Rung{}, catalog.Role{}, catalog.Handoff{},
	} {
		ty := reflect.TypeOf(kind)
		for i := range ty.NumField() {
			name, _, _ := strings.Cut(ty.Field(i).Tag.Get("yaml"), ",")
			if name != "" && name != "-" && !regexp.MustCompile(`\b`+name+`\b`).MatchString(text) {
				t.Errorf("docs/catalog.md does not have %s of %s", name, ty.Name())
			}
		}
	}
}

// docs/runbooks.md has every function with its parameters and class, and every field of incident.
func TestRunbookPageIsComplete(t *testing.T) {
	text := pages(t)["docs/runbooks.md"]
	for _, b := range remediate.Builtins() {
		row := rowOf(text, b.Name)
		if row == "" {
			t.Errorf("docs/runbooks.md does not have %s", b.Name)
			continue
		}
		for _, p := range b.Params {
			if !strings.Contains(row, "`"+p.Name+"`") {
				t.Errorf("docs/runbooks.md does not have the parameter %s of %s", p.Name, b.Name)
			}
			if d, ok := p.Default.(string); ok && !strings.Contains(row, fmt.Sprintf("%q", d)) {
				t.Errorf("docs/runbooks.md does not have the default %q of %s in %s", d, p.Name, b.Name)
			}
		}
		if !strings.Contains(row, "| "+string(b.Class)+" |") {
			t.Errorf("docs/runbooks.md does not say that %s is %s", b.Name, b.Class)
		}
	}
	for _, name := range []string{"print", "time.now", "must", "resolve", "escalate", "fail"} {
		if rowOf(text, name) == "" {
			t.Errorf("docs/runbooks.md does not have %s", name)
		}
	}
	src := script.Source{Name: "all", Blocks: []script.Block{{FirstLine: 1, Text: "print(time.now(), json, math, struct, must, resolve, escalate, fail, incident, params)"}}}
	if err := script.Check(src, remediate.Builtins()); err != nil {
		var ps script.Problems
		errors.As(err, &ps)
		t.Errorf("a name of docs/runbooks.md is not there: %v", err)
	}
}

// rowOf returns the row of a table that begins with a name.
func rowOf(text, name string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `"+name+"` |") {
			return line
		}
	}
	return ""
}

func TestKindsOfCausesAreComplete(t *testing.T) {
	text := pages(t)["docs/incidents.md"]
	for _, kind := range []string{
		diagnose.RetryStorm, diagnose.Slow, diagnose.Errors, diagnose.Crash, diagnose.Hang, diagnose.PoolExhaustion, diagnose.TrafficSurge,
		diagnose.BadDeploy, diagnose.DataCorruption, diagnose.Unknown,
	} {
		if rowOf(text, kind) == "" {
			t.Errorf("docs/incidents.md does not have %s", kind)
		}
	}
}

// docs/api.md has the calls that the API describes, no more and no less.
func TestCallsAreComplete(t *testing.T) {
	rec := httptest.NewRecorder()
	api.New(api.Config{Version: "test"}).ServeHTTP(rec, httptest.NewRequest("GET", "/api/openapi.json", nil))
	var spec struct {
		Paths map[string]map[string]struct {
			Summary string `json:"summary"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &spec); err != nil {
		t.Fatalf("the API's description: %v: %.200s", err, rec.Body)
	}
	var want []string
	for path, ops := range spec.Paths {
		for method, op := range ops {
			want = append(want, fmt.Sprintf("| `%s %s` | %s |", strings.ToUpper(method), path, op.Summary))
		}
	}
	var got []string
	for line := range strings.Lines(pages(t)["docs/api.md"]) {
		if regexp.MustCompile("^\\| `[A-Z]+ /api/").MatchString(line) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	byPath := func(a, b string) int { return strings.Compare(pathOf(a), pathOf(b)) }
	slices.SortFunc(want, byPath)
	if slices.Equal(got, want) {
		return
	}
	if !*update {
		t.Errorf("the calls in docs/api.md are not those of the API; run make lists. They should be:\n%s", strings.Join(want, "\n"))
		return
	}
	text := regexp.MustCompile(`(?ms)^## Calls$.*?^## `).ReplaceAllLiteralString(pages(t)["docs/api.md"],
		"## Calls\n\n| call | |\n| --- | --- |\n"+strings.Join(want, "\n")+"\n\n## ")
	if err := os.WriteFile("api.md", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pathOf returns the path and then the method of a row.
func pathOf(row string) string {
	f := strings.Fields(row)
	return strings.Trim(f[2], "`") + " " + f[1]
}
