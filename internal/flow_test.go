package internal_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/flow.txt")

const flowFile = "../docs/flow.txt"

// TestFlow keeps docs/flow.txt: which facts each phase emits, who follows them, and the jobs that it runs. A new edge is a
// line in review. It also fails for a kind without the name of its phase, and for a fact that is followed but not emitted.
func TestFlow(t *testing.T) {
	f := flow{kinds: map[string][]string{}, names: map[string]string{}, followers: map[string][]string{}, jobs: map[string][]string{}}
	for _, phase := range phases {
		if err := f.read(phase); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range f.problems() {
		t.Error(p)
	}
	got := f.String()
	if *update {
		if err := os.WriteFile(flowFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(flowFile)
	if err != nil {
		t.Fatalf("%v; write it with make lists", err)
	}
	if got != string(want) {
		t.Errorf("docs/flow.txt is not what the code says; run make lists and read the diff. The code says:\n%s", got)
	}
}

// flow is how facts and jobs move between phases.
type flow struct {
	kinds     map[string][]string // kinds that a phase emits, in order
	names     map[string]string   // page.KindAcked -> page.acked
	followers map[string][]string // page.KindAcked -> phases
	jobs      map[string][]string // of a phase
}

// read adds what out.go declares and in.go follows. Constants are found by their names, so that the phases need nothing
// but their own words.
func (f *flow) read(phase string) error {
	files, err := filepath.Glob(filepath.Join("loop", phase, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				f.constant(phase, n)
			case *ast.FuncDecl:
				if n.Name.Name == "Follows" {
					f.follows(phase, n)
				}
			}
			return true
		})
	}
	slices.Sort(f.jobs[phase])
	return nil
}

func (f *flow) constant(phase string, n *ast.ValueSpec) {
	for i, id := range n.Names {
		if i >= len(n.Values) {
			continue
		}
		lit, ok := n.Values[i].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			continue
		}
		v, err := strconv.Unquote(lit.Value)
		switch {
		case err != nil:
		case strings.HasPrefix(id.Name, "Kind"):
			f.kinds[phase] = append(f.kinds[phase], phase+"."+id.Name)
			f.names[phase+"."+id.Name] = v
		case strings.HasPrefix(id.Name, "job"):
			f.jobs[phase] = append(f.jobs[phase], v)
		}
	}
}

// follows finds the kinds that are keys of the handlers.
func (f *flow) follows(phase string, fn *ast.FuncDecl) {
	ast.Inspect(fn, func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key := ""
		switch k := kv.Key.(type) {
		case *ast.SelectorExpr:
			if pkg, ok := k.X.(*ast.Ident); ok {
				key = pkg.Name + "." + k.Sel.Name
			}
		case *ast.Ident:
			key = phase + "." + k.Name
		}
		if _, name, _ := strings.Cut(key, "."); strings.HasPrefix(name, "Kind") && !slices.Contains(f.followers[key], phase) {
			f.followers[key] = append(f.followers[key], phase)
		}
		return true
	})
}

func (f *flow) problems() []string {
	var out []string
	for key, v := range f.names {
		if phase, _, _ := strings.Cut(key, "."); !strings.HasPrefix(v, phase+".") {
			out = append(out, fmt.Sprintf("%s is %q: a kind begins with its phase", key, v))
		}
	}
	for key, who := range f.followers {
		if f.names[key] == "" {
			out = append(out, fmt.Sprintf("%s is followed by %s but nothing declares it", key, strings.Join(who, ", ")))
		}
	}
	slices.Sort(out)
	return out
}

// String returns one line for each kind and for the jobs of a phase.
func (f *flow) String() string {
	var b strings.Builder
	b.WriteString("Facts that each phase emits and the phases that follow them, and the jobs that it runs.\nWritten by make lists.\n")
	for _, phase := range phases {
		if len(f.kinds[phase])+len(f.jobs[phase]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", phase)
		for _, key := range f.kinds[phase] {
			if who := f.followers[key]; len(who) > 0 {
				fmt.Fprintf(&b, "  %-22s -> %s\n", f.names[key], strings.Join(who, ", "))
			} else {
				fmt.Fprintf(&b, "  %s\n", f.names[key])
			}
		}
		if js := f.jobs[phase]; len(js) > 0 {
			fmt.Fprintf(&b, "  jobs: %s\n", strings.Join(js, ", "))
		}
	}
	return b.String()
}
