package observe

import "time"

// Deploy is a release of a service, reported by a pipeline.
type Deploy struct {
	ID              string    `json:"id"`
	Service         string    `json:"service"`
	Version         string    `json:"version"`
	PreviousVersion string    `json:"previous_version,omitempty"`
	Commit          string    `json:"commit,omitempty"`
	Author          string    `json:"author,omitempty"`
	Message         string    `json:"message,omitempty"`
	URL             string    `json:"url,omitempty"`
	At              time.Time `json:"at"`
}
