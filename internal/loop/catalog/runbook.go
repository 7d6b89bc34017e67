package catalog

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/goccy/go-yaml/parser"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// ReviewEvery is how often a runbook must be looked at by its owner.
const ReviewEvery = 92 * 24 * time.Hour

// markdown reads a runbook: front matter between lines of three dashes, then Markdown. A Markdown file without front
// matter is documentation and no runbook.
func (l *loader) markdown(file string, b []byte) {
	front, body, line, ok := splitFrontMatter(b)
	if !ok {
		return
	}
	f, err := parser.ParseBytes(front, 0)
	if err != nil {
		l.syntax(file, err)
		return
	}
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	r := &Runbook{Meta: Meta{Name: name}, File: file, Risk: High, Approval: Duration(5 * time.Minute), Text: string(body)}
	if len(f.Docs) != 1 || f.Docs[0].Body == nil {
		l.fail(file, nil, "the front matter is empty; it has owner, reviewed, risk and triggers")
		return
	}
	if l.docs == nil {
		l.docs = map[string]placedDoc{}
	}
	if first, dup := l.docs["Runbook/"+name]; dup {
		l.fail(file, nil, "runbook %s is declared twice; the first is in %s", name, first.file)
		return
	}
	l.docs["Runbook/"+name] = placedDoc{file, f.Docs[0].Body}
	if !l.decode(file, f.Docs[0].Body, r) {
		return
	}
	if r.Heading == "" {
		r.Heading = firstHeading(r.Text, name)
	}
	r.DisplayName = r.Heading
	r.Blocks = starlarkBlocks(body, line)
	l.cat.Runbooks[name] = r
	l.cat.Documents = append(l.cat.Documents, Document{Kind: "Runbook", Name: name, File: file, Line: 1})
}

// splitFrontMatter returns the front matter preceded by one blank line (so that its line numbers are the file's), the
// body, and the line of the file on which the body starts.
func splitFrontMatter(b []byte) (front, body []byte, line int, ok bool) {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	if !bytes.HasPrefix(b, []byte("---\n")) {
		return nil, nil, 0, false
	}
	end := bytes.Index(b[4:], []byte("\n---\n"))
	if end < 0 {
		return nil, nil, 0, false
	}
	front = append([]byte("\n"), b[4:4+end+1]...)
	body = b[4+end+5:]
	return front, body, bytes.Count(b[:4+end+5], []byte("\n")) + 1, true
}

func starlarkBlocks(body []byte, firstLine int) []Block {
	doc := goldmark.New().Parser().Parse(text.NewReader(body))
	var out []Block
	// The walker never fails: the callback returns no error.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		fc, ok := n.(*ast.FencedCodeBlock)
		if !entering || !ok || string(fc.Language(body)) != "starlark" || fc.Lines().Len() == 0 {
			return ast.WalkContinue, nil
		}
		start := fc.Lines().At(0).Start
		var src bytes.Buffer
		for i := range fc.Lines().Len() {
			seg := fc.Lines().At(i)
			src.Write(seg.Value(body))
		}
		out = append(out, Block{Text: src.String(), Line: firstLine + bytes.Count(body[:start], []byte("\n"))})
		return ast.WalkContinue, nil
	})
	return out
}

func firstHeading(md, fallback string) string {
	for _, line := range strings.Split(md, "\n") {
		if h, ok := strings.CutPrefix(line, "# "); ok {
			return strings.TrimSpace(h)
		}
	}
	return fallback
}

func (l *loader) checkRunbook(r *Runbook) {
	if r.Owner == "" {
		l.at("Runbook", r.Name, "$", "owner is missing: every runbook has a named owner")
	} else if l.cat.People[r.Owner] == nil && l.cat.Teams[r.Owner] == nil {
		l.at("Runbook", r.Name, "$.owner", "there is no Person or Team named %q", r.Owner)
	}
	if r.Reviewed == "" {
		l.at("Runbook", r.Name, "$", "reviewed is missing; write the date of the last review, such as 2026-10-01")
	}
	l.oneOf("Runbook", r.Name, "$.risk", "risk", string(r.Risk), string(Low), string(Medium), string(High))
	for i := range r.Triggers {
		t := &r.Triggers[i]
		if _, tok := l.place("Runbook", r.Name, fmt.Sprintf("$.triggers[%d].cause", i)); t.Cause != "" && tok != nil && tok.Position != nil {
			t.Line, t.Column = tok.Position.Line, tok.Position.Column
		}
		l.ref("Runbook", r.Name, "$.triggers", "Service", t.Service)
		if t.Cause == "" && t.Service == "" {
			l.at("Runbook", r.Name, "$.triggers", "a trigger needs cause or service: one that matches everything hides what the runbook is for")
		}
	}
}
