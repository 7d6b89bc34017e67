package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// Imports come in at most three groups, divided by an empty line: standard, others, ours. Generated files are free.
func TestImportsComeInThreeGroups(t *testing.T) {
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "build"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		if why := groups(set, f); why != "" {
			t.Errorf("%s: %s", name, why)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// groups says what is wrong with the order of a file's imports, or returns "".
func groups(set *token.FileSet, f *ast.File) string {
	if ast.IsGenerated(f) {
		return ""
	}
	what := []string{"the standard library", "others", "ours"}
	last, line, seen := -1, 0, map[int]bool{}
	for _, imp := range f.Imports {
		kind, begins := kindOf(imp), set.Position(imp.Pos()).Line
		if imp.Doc != nil {
			begins = set.Position(imp.Doc.Pos()).Line
		}
		apart := line == 0 || begins > line+1
		line = set.Position(imp.End()).Line
		switch {
		case !apart && kind != last:
			return fmt.Sprintf("the import of %s needs an empty line before it: it is of %s", imp.Path.Value, what[kind])
		case apart && (seen[kind] || kind < last):
			return fmt.Sprintf("the import of %s stands alone: imports of %s are one group, and the groups are standard, others, ours", imp.Path.Value, what[kind])
		}
		last, seen[kind] = kind, true
	}
	return ""
}

func kindOf(imp *ast.ImportSpec) int {
	p, err := strconv.Unquote(imp.Path.Value)
	switch first, _, _ := strings.Cut(p, "/"); {
	case err == nil && first == module:
		return 2
	case strings.Contains(first, "."):
		return 1
	}
	return 0
}

func TestImportGroupsSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ imports, want string }{
		{"\"fmt\"\n\"os\"\n\n\"github.com/a/b\"\n\n\"nightkeeper/internal/app\"", ""},
		{"\"fmt\"\n\"github.com/a/b\"", `the import of "github.com/a/b" needs an empty line before it: it is of others`},
		{"\"fmt\"\n\n\"os\"", `the import of "os" stands alone: imports of the standard library are one group, and the groups are standard, others, ours`},
		{"\"nightkeeper/a\"\n\n\"fmt\"", `the import of "fmt" stands alone: imports of the standard library are one group, and the groups are standard, others, ours`},
		{"\"fmt\"\n\n// why\n_ \"github.com/a/b\"\n\"github.com/a/c\"", ""},
	} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "x.go", "package x\nimport (\n"+c.imports+"\n)", parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := groups(set, f); got != c.want {
			t.Errorf("%q: got %q, want %q", c.imports, got, c.want)
		}
	}
}
