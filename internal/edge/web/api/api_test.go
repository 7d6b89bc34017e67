package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

func TestEveryNameIsInSnakeCase(t *testing.T) {
	rec := httptest.NewRecorder()
	New(Config{}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	var spec struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Components.Schemas) < 40 {
		t.Fatalf("only %d schemas", len(spec.Components.Schemas))
	}
	snake := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for schema, s := range spec.Components.Schemas {
		for name := range s.Properties {
			if !snake.MatchString(name) && name != "$schema" {
				t.Errorf("%s has %s", schema, name)
			}
		}
	}
}
