package app

import (
	"context"
	"time"

	"nightkeeper/internal/edge/intake/export"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page/convert"
)

// Import says which system to read from.
type Import struct {
	URL, Token string
	From, To   time.Time         // for which who is on call, or what was done, is asked
	Tell       func(text string) // hears of waits and of what may not be read
}

func (i Import) config() export.Config {
	return export.Config{URL: i.URL, Token: i.Token, From: i.From, To: i.To, Tell: i.Tell}
}

// Export reads from the API of pagerduty, opsgenie or grafana-oncall.
func (i Import) Export(ctx context.Context, system string) (convert.Export, error) {
	switch system {
	case "pagerduty":
		return export.PagerDuty(ctx, i.config())
	case "opsgenie":
		return export.Opsgenie(ctx, i.config())
	case "grafana-oncall":
		return export.GrafanaOnCall(ctx, i.config())
	}
	return nil, errs.New(errs.Invalid, "there is no API of %q to read from", system)
}

// Beside reads what pagerduty, opsgenie or grafana-oncall did between From and To.
func (i Import) Beside(ctx context.Context, system string) (convert.Export, error) {
	return export.Beside(ctx, system, i.config())
}

// Alertmanager reads the configuration that an Alertmanager runs with.
func (i Import) Alertmanager(ctx context.Context) ([]byte, error) {
	return export.Alertmanager(ctx, i.config())
}
