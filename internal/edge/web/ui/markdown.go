package ui

import (
	"bytes"
	"context"
	"io"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"nightkeeper/internal/loop/learn"
)

// md writes Markdown without raw HTML and without dangerous links: that is goldmark's way when nothing else is asked.
var md = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList))

// markdown renders text that people wrote.
func markdown(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b bytes.Buffer
		if err := md.Convert([]byte(text), &b); err != nil {
			return err
		}
		_, err := w.Write(b.Bytes())
		return err
	})
}

func findingText(f learn.Finding) string { return "“" + f.Phrase + "” " + f.Why }
