package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The house, as docs/ARCHITECTURE.md describes it. A folder that is not named here is a decision: add it to the list and
// to the page, in one commit.
var (
	houses = []string{"kit", "loop", "edge", "app", "shop"}
	phases = []string{"catalog", "observe", "detect", "page", "respond", "remediate", "learn", "prevent"} // left to right
	edges  = []string{"intake", "telemetry", "store", "channel", "action", "inject", "probe", "sandbox", "auth", "web"}

	// shelves hold one adapter per folder; each folder is an edge of its own.
	shelves = []string{"intake", "channel", "action", "probe"}

	// worldly packages reach outside the program. The loop decides and touches nothing.
	worldly = []string{"database/sql", "database/sql/driver", "embed", "io/ioutil", "net", "net/http", "net/rpc", "net/smtp", "os", "os/exec", "os/signal", "os/user", "plugin", "syscall"}
)

const module = "nightkeeper"

// pkg is what the rules look at: a folder below the module's root, what it imports outside of tests, and its comments.
type pkg struct {
	dir      string
	imports  []string
	comments int
	clause   string // first words of the comment
}

func TestLayout(t *testing.T) {
	pkgs, err := readPackages(os.DirFS(".."))
	if err != nil {
		t.Fatalf("read packages: %v", err)
	}
	if len(pkgs) < 20 {
		t.Fatalf("found only %d packages; is this test in the right folder?", len(pkgs))
	}
	for _, line := range violations(pkgs) {
		t.Error(line)
	}
}

func TestLayoutSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		dir, imports, want string
	}{
		{"internal/kit/errs", "fmt", ""},
		{"internal/kit/job", "nightkeeper/internal/kit/errs", ""},
		{"internal/kit/errs", "nightkeeper/internal/loop/page", "internal/kit/errs imports internal/loop/page: kit imports only the standard library and kit"},
		{"internal/kit/errs", "github.com/oklog/ulid/v2", "internal/kit/errs imports github.com/oklog/ulid/v2: kit imports only the standard library and kit"},
		{"internal/loop/page", "nightkeeper/internal/loop/detect/slo", ""},
		{"internal/loop/page", "nightkeeper/internal/loop/page/rota", ""},
		{"internal/loop/page/rota", "nightkeeper/internal/loop/catalog", ""},
		{"internal/loop/page", "nightkeeper/internal/loop/respond", "internal/loop/page imports internal/loop/respond: a phase imports kit and the phases to its left; for the right side, emit a fact"},
		{"internal/loop/page", "nightkeeper/internal/edge/store", "internal/loop/page imports internal/edge/store: a phase imports kit and the phases to its left; for the right side, emit a fact"},
		{"internal/loop/page", "net/http", "internal/loop/page imports net/http: the loop touches nothing; ask an edge through an interface"},
		{"internal/loop/detect/slo", "os", "internal/loop/detect/slo imports os: the loop touches nothing; ask an edge through an interface"},
		{"internal/loop/triage", "fmt", "internal/loop/triage is not in the house: loop has catalog, observe, detect, page, respond, remediate, learn, prevent"},
		{"internal/edge/store", "nightkeeper/internal/loop/prevent", ""},
		{"internal/edge/web/ui", "nightkeeper/internal/edge/web/api", ""},
		{"internal/edge/web", "nightkeeper/internal/edge/auth", "internal/edge/web imports internal/edge/auth: an edge imports kit and loop, never another edge"},
		{"internal/edge/channel/email", "nightkeeper/internal/edge/channel/webhook", "internal/edge/channel/email imports internal/edge/channel/webhook: an edge imports kit and loop, never another edge"},
		{"internal/edge/store", "nightkeeper/internal/app", "internal/edge/store imports internal/app: an edge imports kit and loop, never another edge"},
		{"internal/edge/cache", "fmt", "internal/edge/cache is not in the house: edge has intake, telemetry, store, channel, action, inject, probe, sandbox, auth, web"},
		{"internal/app", "nightkeeper/internal/edge/store", ""},
		{"internal/app", "nightkeeper/internal/shop", "internal/app imports internal/shop: app imports kit, loop and edge; the shop is only for the demo"},
		{"internal/shop/demo", "nightkeeper/internal/shop", ""},
		{"internal/shop/demo", "nightkeeper/internal/loop/catalog", "internal/shop/demo imports internal/loop/catalog: the shop knows Nightkeeper only by its public API"},
		{"cmd/nightkeeper", "nightkeeper/internal/shop/demo", ""},
		{"cmd/nightkeeper", "nightkeeper/internal/edge/store", "cmd/nightkeeper imports internal/edge/store: only app imports edges"},
		{"internal/util", "fmt", "internal/util is not in the house: internal has kit, loop, edge, app, shop"},
	} {
		got := violations([]pkg{{dir: c.dir, imports: []string{c.imports}, comments: 1, clause: clauseOf(c.dir)}})
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s imports %s: got %q, want %q", c.dir, c.imports, got, c.want)
		}
	}
	side := []pkg{
		{dir: "internal/kit/self", imports: []string{"os"}, comments: 1, clause: "Package self"},
		{dir: "internal/loop/page", imports: []string{"nightkeeper/internal/kit/self"}, comments: 1, clause: "Package page"},
	}
	if got, want := strings.Join(violations(side), "\n"), "internal/loop/page imports internal/kit/self: the loop touches nothing, and this does"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, c := range []struct {
		comments     int
		clause, want string
	}{
		{1, "Package page", ""},
		{0, "", "internal/loop/page has no package comment: say in doc.go what it is and what it is not"},
		{2, "Package page", "internal/loop/page has 2 package comments: keep the one in doc.go"},
		{1, "Pages reach", `internal/loop/page: the package comment starts with "Pages reach", not with "Package page"`},
	} {
		got := violations([]pkg{{dir: "internal/loop/page", comments: c.comments, clause: c.clause}})
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%d comments, %q: got %q, want %q", c.comments, c.clause, got, c.want)
		}
	}
}

// violations returns one line for each rule that a package breaks.
func violations(pkgs []pkg) []string {
	var out []string
	reaches := map[string]bool{} // packages of kit that touch the world
	for _, p := range pkgs {
		reaches[p.dir] = houseOf(p.dir) == "kit" && slices.ContainsFunc(p.imports, func(imp string) bool { return slices.Contains(worldly, imp) })
	}
	for _, p := range pkgs {
		if line := placeOf(p.dir); line != "" {
			out = append(out, line)
			continue
		}
		for _, imp := range p.imports {
			why := refuse(p.dir, imp)
			if houseOf(p.dir) == "loop" && reaches[strings.TrimPrefix(imp, module+"/")] {
				why = "the loop touches nothing, and this does"
			}
			if why != "" {
				out = append(out, fmt.Sprintf("%s imports %s: %s", p.dir, strings.TrimPrefix(imp, module+"/"), why))
			}
		}
		out = append(out, commentOf(p)...)
	}
	return out
}

// placeOf says why a folder is not part of the house.
func placeOf(dir string) string {
	part := strings.Split(dir, "/")
	if part[0] != "internal" || len(part) == 1 {
		return ""
	}
	unknown := func(what string, known []string) string {
		return fmt.Sprintf("%s is not in the house: %s has %s", dir, what, strings.Join(known, ", "))
	}
	switch {
	case !slices.Contains(houses, part[1]):
		return unknown("internal", houses)
	case part[1] == "loop" && (len(part) == 2 || !slices.Contains(phases, part[2])):
		return unknown("loop", phases)
	case part[1] == "edge" && (len(part) == 2 || !slices.Contains(edges, part[2])):
		return unknown("edge", edges)
	}
	return ""
}

// refuse says why the package in dir may not import imp, or returns "".
func refuse(dir, imp string) string {
	ours, isOurs := strings.CutPrefix(imp, module+"/")
	to := ""
	if isOurs {
		to = houseOf(ours)
	}
	switch from := houseOf(dir); from {
	case "kit":
		if to != "kit" && (isOurs || strings.Contains(strings.Split(imp, "/")[0], ".")) {
			return "kit imports only the standard library and kit"
		}
	case "loop":
		if slices.Contains(worldly, imp) {
			return "the loop touches nothing; ask an edge through an interface"
		}
		if isOurs && to != "kit" && (to != "loop" || phaseOf(ours) > phaseOf(dir)) {
			return "a phase imports kit and the phases to its left; for the right side, emit a fact"
		}
	case "edge":
		if isOurs && to != "kit" && to != "loop" && (to != "edge" || edgeOf(ours) != edgeOf(dir)) {
			return "an edge imports kit and loop, never another edge"
		}
	case "app":
		if to == "shop" {
			return "app imports kit, loop and edge; the shop is only for the demo"
		}
	case "shop":
		if isOurs && to != "shop" {
			return "the shop knows Nightkeeper only by its public API"
		}
	default: // cmd, test and whatever comes beside internal
		if to == "edge" {
			return "only app imports edges"
		}
	}
	return ""
}

func houseOf(dir string) string {
	part := strings.Split(dir, "/")
	if len(part) > 1 && part[0] == "internal" {
		return part[1]
	}
	return ""
}

// phaseOf returns the place of a package's phase, counted from the left.
func phaseOf(dir string) int { return slices.Index(phases, strings.Split(dir, "/")[2]) }

// edgeOf returns the adapter that a package belongs to.
func edgeOf(dir string) string {
	part := strings.Split(dir, "/")
	if slices.Contains(shelves, part[2]) && len(part) > 3 {
		return part[2] + "/" + part[3]
	}
	return part[2]
}

func commentOf(p pkg) []string {
	switch {
	case p.comments == 0:
		return []string{p.dir + " has no package comment: say in doc.go what it is and what it is not"}
	case p.comments > 1:
		return []string{fmt.Sprintf("%s has %d package comments: keep the one in doc.go", p.dir, p.comments)}
	}
	if want := clauseOf(p.dir); p.clause != want {
		return []string{fmt.Sprintf("%s: the package comment starts with %q, not with %q", p.dir, p.clause, want)}
	}
	return nil
}

// clauseOf returns how the comment of a package starts.
func clauseOf(dir string) string {
	if strings.HasPrefix(dir, "cmd/") || strings.HasPrefix(dir, "scripts/") {
		return "Command " + path.Base(dir)
	}
	return "Package " + path.Base(dir)
}

// readPackages finds every package below the root. Files of tests and folders that the go command skips are left out, and
// so are nested modules.
func readPackages(root fs.FS) ([]pkg, error) {
	found := map[string]*pkg{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." {
				if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil {
					return fs.SkipDir
				}
			}
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		return readFile(root, name, found)
	})
	if err != nil {
		return nil, err
	}
	var out []pkg
	for _, p := range found {
		slices.Sort(p.imports)
		p.imports = slices.Compact(p.imports)
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b pkg) int { return strings.Compare(a.dir, b.dir) })
	return out, nil
}

// readFile adds what a file imports and says to its package.
func readFile(root fs.FS, name string, found map[string]*pkg) error {
	src, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	p := found[dir]
	if p == nil {
		p = &pkg{dir: dir}
		found[dir] = p
	}
	for _, imp := range f.Imports {
		v, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.imports = append(p.imports, v)
	}
	if text := f.Doc.Text(); text != "" && !ast.IsGenerated(f) {
		p.comments++
		words := strings.Fields(text)
		p.clause = strings.Join(words[:min(2, len(words))], " ")
	}
	return nil
}
