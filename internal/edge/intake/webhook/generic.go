package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// usual are the names under which most systems have the parts of an alert, the likeliest first.
var usual = map[string][]string{
	"key":         {"dedup_key", "key", "alert_uid", "fingerprint", "alias", "incident_key", "id"},
	"title":       {"title", "summary", "subject", "name", "alertname", "message"},
	"description": {"description", "details", "message", "body", "text"},
	"severity":    {"severity", "priority", "level"},
	"status":      {"status", "state", "event_action", "action"},
	"service":     {"service", "labels.service", "tags.service", "app"},
	"url":         {"url", "link", "link_to_upstream_details", "href"},
	"labels":      {"labels", "tags"},
}

// overWords are values of a status that say that an alert is over, when the integration does not say which do.
var overWords = []string{"resolved", "resolve", "ok", "closed", "close", "up", "recovered", "recovery", "normal", "clear", "cleared", "inactive", "success", "succeeded", "healthy"}

// generic reads any JSON object, or a list of them, as the integration of the catalog says.
func generic(s *server, q request) ([]detect.Incoming, error) {
	m := s.Catalog().Integrations[q.integration]
	if m == nil {
		m = &catalog.Integration{}
	}
	return mapped(m, q)
}

func mapped(m *catalog.Integration, q request) ([]detect.Incoming, error) {
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.UseNumber()
	var body any
	if err := d.Decode(&body); err != nil {
		return nil, invalid("the body is not JSON: %s", err)
	}
	where := "the body"
	if m.Alerts != "" {
		body, where = at(body, m.Alerts), m.Alerts
	}
	list, ok := body.([]any)
	if !ok {
		list = []any{body}
	}
	out := make([]detect.Incoming, 0, len(list))
	for _, x := range list {
		o, ok := x.(map[string]any)
		if !ok {
			return nil, invalid("%s is not a JSON object or a list of objects", where)
		}
		in, err := one(m, o, q)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

// one reads one alert.
func one(m *catalog.Integration, o map[string]any, q request) (detect.Incoming, error) {
	get := func(path, what string) string {
		if path != "" {
			return text(at(o, path))
		}
		for _, name := range usual[what] {
			if v := text(at(o, name)); v != "" {
				return v
			}
		}
		return ""
	}
	in := detect.Incoming{
		Source: "webhook", Title: get(m.Title, "title"), Severity: get(m.Severity, "severity"), URL: door.Link(get(m.URL, "url")),
		Labels: labelsOf(m, o), Annotations: map[string]string{},
	}
	if v := get(m.Description, "description"); v != "" {
		in.Annotations["description"] = v
	}
	if v := get(m.Service, "service"); v != "" {
		in.Labels["service"] = v
	}
	status := strings.ToLower(get(m.Status, "status"))
	words := m.Over
	if len(words) == 0 {
		words = overWords
	}
	if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, status) }) {
		in.EndsAt = q.now
	}
	if in.Key = get(m.Key, "key"); in.Key == "" {
		if in.Title == "" && len(in.Labels) == 0 {
			return in, invalid("nothing in the body tells what is wrong: it has none of %s; declare an Integration named %q that says where they are",
				strings.Join(slices.Concat(usual["key"], usual["title"]), ", "), q.integration)
		}
		set := maps.Clone(in.Labels)
		set["\x00title"] = in.Title
		in.Key = door.Fingerprint(set)
	}
	in.Title = cmp.Or(in.Title, in.Key)
	return in, nil
}

// labelsOf returns the labels of an object, and those that the integration names besides.
func labelsOf(m *catalog.Integration, o map[string]any) map[string]string {
	out := map[string]string{}
	for _, name := range usual["labels"] {
		set, ok := o[name].(map[string]any)
		if !ok {
			continue
		}
		for k, v := range set {
			if s := text(v); s != "" && k != "" {
				out[k] = s
			}
		}
	}
	for label, path := range m.Labels {
		if s := text(at(o, path)); s != "" {
			out[label] = s
		}
	}
	return out
}

// at returns what is at a path: names and numbers of list items, divided by dots. A name may have dots itself.
func at(v any, path string) any {
	switch x := v.(type) {
	case map[string]any:
		if w, ok := x[path]; ok {
			return w
		}
		for i := range len(path) {
			if path[i] != '.' {
				continue
			}
			if w, ok := x[path[:i]]; ok {
				if found := at(w, path[i+1:]); found != nil {
					return found
				}
			}
		}
	case []any:
		first, rest, more := strings.Cut(path, ".")
		n, err := strconv.Atoi(first)
		if err != nil || n < 0 || n >= len(x) {
			return nil
		}
		if !more {
			return x[n]
		}
		return at(x[n], rest)
	}
	return nil
}

// text writes what is not an object or a list as a text.
func text(v any) string {
	switch x := v.(type) {
	case string:
		return strings.TrimSpace(x)
	case json.Number:
		return x.String()
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}
