package api

import (
	"encoding/json"
	"io"
)

// writeJSON writes a value; an answer that breaks off is the client's to notice.
func writeJSON(w io.Writer, v any) {
	_ = json.NewEncoder(w).Encode(v)
}
