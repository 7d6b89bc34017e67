package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var files embed.FS

// assets serves the embedded files below a path that names their content, so that a browser may keep them for good and
// never mixes two versions.
type assets struct {
	prefix string // "/static/<hash>/"
	files  http.Handler
}

func loadAssets() (assets, error) {
	h := sha256.New()
	err := fs.WalkDir(files, "static", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", p, len(b))
		h.Write(b)
		return nil
	})
	if err != nil {
		return assets{}, err
	}
	sub, err := fs.Sub(files, "static")
	if err != nil {
		return assets{}, err
	}
	prefix := "/static/" + hex.EncodeToString(h.Sum(nil))[:12] + "/"
	return assets{prefix, http.StripPrefix(prefix, http.FileServerFS(sub))}, nil
}

// url returns the address of a file.
func (a assets) url(name string) string { return a.prefix + name }

// ServeHTTP serves a file of this version; a page of an older version gets the current one, uncached.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/") {
		http.NotFound(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, a.prefix) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		a.files.ServeHTTP(w, r)
		return
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/static/"), "/", 2)
	if len(parts) != 2 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	r.URL.Path = path.Join(a.prefix, parts[1])
	a.files.ServeHTTP(w, r)
}
