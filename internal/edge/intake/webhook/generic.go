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

// generic reads any JSON object, or a list of them, as the integration says.
func generic(q detect.Sent) (detect.Read, error) {
	m := q.Mapping
	if m == nil {
		m = &catalog.Integration{}
	}
	d := json.NewDecoder(bytes.NewReader(q.Body))
	d.UseNumber()
	var body any
	if err := d.Decode(&body); err != nil {
		return detect.Read{}, invalid("the body is not JSON: %s", err)
	}
	whole, where := body, "the body"
	if m.Alerts != "" {
		if body, where = at(body, m.Alerts), m.Alerts; body == nil {
			return detect.Read{Paths: paths(whole)}, invalid("there is nothing at %s, where the Integration says that the alerts are", where)
		}
	}
	list, ok := body.([]any)
	if !ok {
		list = []any{body}
	}
	var out detect.Read
	for _, x := range list {
		o, ok := x.(map[string]any)
		if !ok {
			out.Paths = paths(whole)
			return out, invalid("%s is not a JSON object or a list of objects", where)
		}
		if len(out.Fields) == 0 {
			out.Paths = paths(o)
		}
		in, fields, err := one(m, o, q)
		out.Fields = append(out.Fields, fields)
		if err != nil {
			return out, err
		}
		out.Alerts = append(out.Alerts, in)
	}
	return out, nil
}

// one reads one alert, and says where each part of it was found.
func one(m *catalog.Integration, o map[string]any, q detect.Sent) (detect.Incoming, []detect.Field, error) {
	var fields []detect.Field
	get := func(path, what string) string {
		f := detect.Field{Name: what, Path: path, Own: path != ""}
		if f.Own {
			f.Value = text(at(o, path))
		} else {
			for _, name := range usual[what] {
				if v := text(at(o, name)); v != "" {
					f.Path, f.Value = name, v
					break
				}
			}
		}
		fields = append(fields, f)
		return f.Value
	}
	in := detect.Incoming{Source: "webhook", Key: get(m.Key, "key"), Title: get(m.Title, "title"), Annotations: map[string]string{}}
	if v := get(m.Description, "description"); v != "" {
		in.Annotations["description"] = v
	}
	in.Severity = get(m.Severity, "severity")
	service := get(m.Service, "service")
	in.URL = door.Link(get(m.URL, "url"))
	status := strings.ToLower(get(m.Status, "status"))
	var labels []detect.Field
	in.Labels, labels = labelsOf(m, o)
	fields = append(fields, labels...)
	if service != "" {
		in.Labels["service"] = service
	}
	words := m.Over
	if len(words) == 0 {
		words = overWords
	}
	if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, status) }) {
		in.EndsAt = q.Now
	}
	if in.Key == "" {
		if in.Title == "" && len(in.Labels) == 0 {
			return in, fields, invalid("nothing in the body tells what is wrong: it has none of %s; declare an Integration named %q that says where they are",
				strings.Join(slices.Concat(usual["key"], usual["title"]), ", "), q.Integration)
		}
		set := maps.Clone(in.Labels)
		set["\x00title"] = in.Title
		in.Key = door.Fingerprint(set)
	}
	in.Title = cmp.Or(in.Title, in.Key)
	return in, fields, nil
}

// labelsOf returns the labels of an object, and those that the integration names besides.
func labelsOf(m *catalog.Integration, o map[string]any) (map[string]string, []detect.Field) {
	out, from := map[string]string{}, map[string]detect.Field{}
	for _, name := range usual["labels"] {
		set, ok := o[name].(map[string]any)
		if !ok {
			continue
		}
		for k, v := range set {
			if s := text(v); s != "" && k != "" {
				out[k], from[k] = s, detect.Field{Name: "labels." + k, Path: name + "." + k, Value: s}
			}
		}
	}
	for label, path := range m.Labels {
		s := text(at(o, path))
		if from[label] = (detect.Field{Name: "labels." + label, Path: path, Value: cmp.Or(s, out[label]), Own: true}); s != "" {
			out[label] = s
		}
	}
	var fields []detect.Field
	for _, label := range slices.Sorted(maps.Keys(from)) {
		fields = append(fields, from[label])
	}
	return out, fields
}

// Bounds of what is offered to point at.
const (
	mostPaths = 100
	deepPath  = 8
)

// paths lists what there is to point at in a value, in order of their names: the path of each text, number and yes or no.
func paths(v any) []detect.Field {
	var out []detect.Field
	var walk func(v any, path string, deep int)
	walk = func(v any, path string, deep int) {
		if len(out) >= mostPaths || deep > deepPath {
			return
		}
		under := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
		switch x := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(x)) {
				walk(x[name], under(name), deep+1)
			}
		case []any:
			for i, w := range x {
				walk(w, under(strconv.Itoa(i)), deep+1)
			}
		default:
			if s := text(x); s != "" && path != "" {
				out = append(out, detect.Field{Path: path, Value: s})
			}
		}
	}
	walk(v, "", 0)
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
