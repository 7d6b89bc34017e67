package api

import (
	"context"
	"net/http"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// FormatOut is a way in which alerts can be sent in.
type FormatOut struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Path   string `json:"path" doc:"where it is sent to; TOKEN stands for a token"`
	Mapped bool   `json:"mapped" doc:"an Integration of the catalog says where things are"`
	Sample string `json:"sample" doc:"what such a system sends"`
}

// Mapping says where the parts of an alert are, as an Integration of the catalog does.
type Mapping struct {
	Alerts      string            `json:"alerts,omitempty" doc:"list of alerts; default the body itself"`
	Key         string            `json:"key,omitempty"`
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Severity    string            `json:"severity,omitempty"`
	Service     string            `json:"service,omitempty"`
	URL         string            `json:"url,omitempty"`
	Status      string            `json:"status,omitempty"`
	Over        []string          `json:"over,omitempty" doc:"values of status that say that it is over"`
	Labels      map[string]string `json:"labels,omitempty" doc:"label to path"`
}

// TryIn is a payload to be tried.
type TryIn struct {
	NameIn
	Body struct {
		Format  string   `json:"format,omitempty" doc:"default: the one in which the integration sent last, or webhook"`
		Payload string   `json:"payload" doc:"the body, as it is sent"`
		Mapping *Mapping `json:"mapping,omitempty" doc:"instead of the Integration of the catalog"`
	}
}

func (r *routes) integrations() {
	get(r, "/formats", "In which formats alerts can be sent in, and where to", "read", func(context.Context, *empty) ([]FormatOut, error) {
		out := []FormatOut{}
		for _, f := range r.Detect.Formats {
			out = append(out, FormatOut{f.Name, f.Title, f.Path, f.Mapped, f.Sample})
		}
		return out, nil
	})
	get(r, "/integrations", "What sends alerts, with what was refused", "read", func(ctx context.Context, _ *empty) ([]detect.Sender, error) {
		all, err := r.Detect.Senders(ctx)
		for i := range all {
			for _, list := range [][]detect.Payload{all[i].Taken, all[i].Refused} {
				for j := range list {
					list[j].Body = ""
				}
			}
		}
		return orEmpty(all), err
	})
	get(r, "/integrations/{name}", "One integration, with the payloads that came last; secrets are masked", "respond", func(ctx context.Context, in *NameIn) (detect.Sender, error) {
		return r.Detect.Sender(ctx, in.Name)
	})
	call(r, http.MethodPost, "/integrations/{name}/try", "What would become of a payload; nothing is kept", "read", func(ctx context.Context, in *TryIn) (detect.Trial, error) {
		sent := detect.Sent{Integration: in.Name, Body: []byte(in.Body.Payload), Now: r.Now()}
		if m := in.Body.Mapping; m != nil {
			sent.Mapping = &catalog.Integration{Alerts: m.Alerts, Key: m.Key, Title: m.Title, Description: m.Description, Severity: m.Severity, Service: m.Service, URL: m.URL,
				Status: m.Status, Over: m.Over, Labels: m.Labels}
		}
		format := in.Body.Format
		if format == "" {
			var err error
			if format, err = r.Detect.FormatOf(ctx, in.Name); err != nil {
				return detect.Trial{}, err
			}
		}
		return r.Detect.Try(ctx, format, sent)
	})
}
