package demo_test

import (
	"os"
	"testing"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/shop"
	"nightkeeper/internal/shop/demo"
)

func TestDemoCatalogHasNoMistakes(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteCatalog(dir, "http://127.0.0.1:7070"); err != nil {
		t.Fatal(err)
	}
	c, problems := catalog.Load(os.DirFS(dir))
	for _, p := range problems {
		t.Errorf("%s", p)
	}
	if got, want := len(c.Services), len(shop.Topology()); got != want {
		t.Errorf("services: got %d, want %d", got, want)
	}
	if got, want := len(c.SLOs), 47; got != want {
		t.Errorf("SLOs: got %d, want %d", got, want)
	}
	for name, r := range c.Runbooks {
		src := script.Source{Name: r.File}
		for _, b := range r.Blocks {
			src.Blocks = append(src.Blocks, script.Block{Text: b.Text, FirstLine: b.Line})
		}
		if len(src.Blocks) == 0 {
			continue
		}
		if err := script.Check(src, remediate.Builtins()); err != nil {
			t.Errorf("runbook %s: %v", name, err)
		}
	}
}
