package script

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"nightkeeper/internal/kit/errs"
)

// maxProblems is how many unknown names one Check shows; each is compared with all names that there are.
const maxProblems = 20

// Problem is one thing in a script that cannot work.
type Problem struct {
	File      string
	Line, Col int
	Message   string // says what would be right
}

// String returns "file:line:col: message".
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Message)
}

// Problems are all that were found, in the order of the file.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// As makes Problems an errs.Error with the code invalid, whose message has all of them.
func (p Problems) As(target any) bool {
	e, ok := target.(**errs.Error)
	if ok {
		*e = errs.New(errs.Invalid, "%s", p.Error())
	}
	return ok
}

// Use is one place where a script calls a built-in.
type Use struct {
	Name  string
	Class Class
	Site  string
}

// Check parses and resolves a script without running it. The error has the code invalid, shows each problem with its
// place and what would be right, and carries Problems for errors.As.
func Check(src Source, builtins []Builtin) error {
	_, err := compile(src, builtins, &machine{})
	return err
}

// Uses returns the places where a script calls built-ins, in the order of the text, for a dry run.
func Uses(src Source, builtins []Builtin) ([]Use, error) {
	p, err := compile(src, builtins, &machine{})
	if err != nil {
		return nil, err
	}
	return p.uses, nil
}

// program is a script that can run.
type program struct {
	code *starlark.Program
	env  starlark.StringDict
	uses []Use
}

// dialect is Starlark with what makes a script of steps readable. Recursion stays out: it has no use in a runbook, and
// a stack that is too deep ends the process.
func dialect() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}
}

func compile(src Source, builtins []Builtin, m *machine) (program, error) {
	tree, err := nameTree(builtins, m)
	if err != nil {
		return program{}, err
	}
	file, err := parse(src)
	if err != nil {
		return program{}, err
	}
	env := tree.environment()
	code, err := starlark.FileProgram(file, env.Has)
	if err != nil {
		return program{}, resolveProblems(err, tree, file)
	}
	c := checker{tree: tree}
	syntax.Walk(file, c.visit)
	if len(c.problems) > 0 {
		return program{}, c.problems
	}
	return program{code: code, env: env, uses: c.uses}, nil
}

// parse joins the blocks into one file; each statement keeps its place in the Markdown.
func parse(src Source) (*syntax.File, error) {
	size := 0
	for _, b := range src.Blocks {
		size += len(b.Text)
	}
	if size > maxSource {
		return nil, errs.New(errs.Invalid, "%s: the script has %d KiB; at most %d KiB are read", src.Name, size>>10, maxSource>>10)
	}
	options := dialect()
	whole := &syntax.File{Path: src.Name, Options: options}
	var problems Problems
	for _, b := range src.Blocks {
		if p, bad := tooDeep(src.Name, b); bad {
			problems = append(problems, p)
			continue
		}
		first := int32(min(max(b.FirstLine, 1), 1<<30))
		f, err := options.Parse(src.Name, syntax.FilePortion{Content: []byte(b.Text), FirstLine: first, FirstCol: 1}, 0)
		if err != nil {
			problems = append(problems, parseProblem(src.Name, b, err))
			continue
		}
		whole.Stmts = append(whole.Stmts, f.Stmts...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return whole, nil
}

func resolveProblems(err error, tree *node, file *syntax.File) Problems {
	var list resolve.ErrorList
	if !errors.As(err, &list) {
		return Problems{{Message: err.Error()}}
	}
	known := append(tree.names(), starlark.Universe.Keys()...)
	if m, ok := file.Module.(*resolve.Module); ok {
		for _, b := range m.Globals {
			known = append(known, b.First.Name)
		}
	}
	var problems Problems
	for _, e := range list[:min(len(list), maxProblems)] {
		message := e.Msg
		if rest, ok := strings.CutPrefix(message, "undefined: "); ok {
			name, theirs, _ := strings.Cut(rest, " ")
			hint := didYouMean(name, known)
			if theirs != "" { // a local name is nearer than any of ours
				hint = "; " + strings.Trim(theirs, "()")
			}
			message = fmt.Sprintf("unknown name %s%s", name, hint)
			if hint == "" {
				message += "; a script knows " + strings.Join(tree.names(), ", ")
			}
		}
		problems = append(problems, at(e.Pos, "%s", message))
	}
	return problems
}

// foreign are words of other languages that people write by habit.
var foreign = map[string]string{
	"import": "a script has no imports; all built-ins are there already",
	"from":   "a script has no imports; all built-ins are there already",
	"try":    "there is no try; a built-in returns a result: test .ok, or stop with must(result)",
	"except": "there is no except; a built-in returns a result: test .ok",
	"raise":  "there is no raise; use fail(\"why\")",
	"assert": "there is no assert; use: if not x: fail(\"why\")",
	"class":  "there are no classes; use struct(name = value)",
	"with":   "there is no with",
	"async":  "there is no async; steps run one after the other",
	"await":  "there is no await; a call waits for its answer",
	"global": "there is no global; a function cannot change a global",
	"del":    "there is no del; use dict.pop or list.remove",
	"is":     "there is no is; use ==",
}

func parseProblem(name string, b Block, err error) Problem {
	var e syntax.Error
	if !errors.As(err, &e) {
		return Problem{File: name, Line: b.FirstLine, Col: 1, Message: err.Error()}
	}
	p := at(e.Pos, "%s", e.Msg)
	lines := strings.Split(b.Text, "\n")
	if i := p.Line - max(b.FirstLine, 1); i >= 0 && i < len(lines) {
		words := strings.FieldsFunc(lines[i], func(r rune) bool { return !isName(string(r)) })
		for j, w := range words {
			if hint, ok := foreign[w]; ok && (j == 0 || w == "is") {
				p.Message = hint
				break
			}
		}
	}
	return p
}

// tooDeep finds brackets nested so deep that only an attack on the parser has them. It counts those in strings too.
func tooDeep(name string, b Block) (Problem, bool) {
	depth, line := 0, max(b.FirstLine, 1)
	for _, c := range []byte(b.Text) {
		switch c {
		case '\n':
			line++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
		if depth > maxBrackets {
			return Problem{File: name, Line: line, Col: 1, Message: fmt.Sprintf("brackets are nested deeper than %d", maxBrackets)}, true
		}
	}
	return Problem{}, false
}

func at(pos syntax.Position, format string, args ...any) Problem {
	return Problem{File: pos.Filename(), Line: int(pos.Line), Col: int(pos.Col), Message: fmt.Sprintf(format, args...)}
}
