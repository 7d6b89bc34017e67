package alertmanager

import (
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/catalog"
)

// speaks is the version of Alertmanager whose API this is: clients look at it to know what they may ask.
const speaks = "0.34.0"

func (s *server) getStatus(*door.Visit, *http.Request) (any, error) {
	return map[string]any{
		"cluster": map[string]any{"status": "disabled", "peers": []string{}},
		"config":  map[string]string{"original": configOf(s.Catalog())},
		"uptime":  stamp(s.started),
		"versionInfo": map[string]string{
			"version": speaks, "revision": s.Version, "branch": "nightkeeper", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
		},
	}, nil
}

func receivers(c *catalog.Catalog) []string {
	return append(slices.Sorted(maps.Keys(c.Policies)), noPolicy)
}

// configOf writes who is told as a configuration that clients can read; nothing is configured with it.
func configOf(c *catalog.Catalog) string {
	var b strings.Builder
	b.WriteString("global:\n  resolve_timeout: 5m\nroute:\n  receiver: " + noPolicy + "\nreceivers:\n")
	for _, name := range receivers(c) {
		b.WriteString("- name: " + name + "\n")
	}
	return b.String()
}

func (s *server) getReceivers(_ *door.Visit, r *http.Request) (any, error) {
	ms, err := catalog.ParseMatchers(r.URL.Query()["receiver_matchers"])
	if err != nil {
		return nil, bad("failed to parse receiver_matchers param: " + err.Error())
	}
	type receiver struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	}
	out := []receiver{}
	for _, name := range receivers(s.Catalog()) {
		if holds(ms, nil) {
			out = append(out, receiver{name, map[string]string{}})
		}
	}
	return out, nil
}
