package demo

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"nightkeeper/internal/shop"
)

//go:embed catalog
var files embed.FS

// WriteCatalog writes what the shop's people declare into a directory: services and SLOs from the shop's own topology,
// everything else as it lies in this package. adminURL is where the shop's remediation API is.
func WriteCatalog(dir, adminURL string) error {
	err := fs.WalkDir(files, "catalog", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(name, "catalog"))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
	if err != nil {
		return fmt.Errorf("write catalog: %w", err)
	}
	b, err := services(adminURL)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "services.yaml"), b, 0o644); err != nil {
		return fmt.Errorf("write services: %w", err)
	}
	return nil
}

// targets are the objectives of the tiers.
var targets = map[shop.Tier]string{shop.Critical: "99.99", shop.Standard: "99.95", shop.Experimental: "99.9"}

// customerPatience is how long a customer waits for a page.
const customerPatience = 2500 * time.Millisecond

// patience is how slow an answer may be: a little less than the least patient caller waits.
func patience(all []shop.ServiceSpec) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, s := range all {
		for _, d := range s.Deps {
			if p := d.Timeout * 9 / 10; out[d.Name] == 0 || p < out[d.Name] {
				out[d.Name] = p
			}
		}
	}
	for _, s := range all {
		if out[s.Name] == 0 {
			out[s.Name] = customerPatience
		}
	}
	return out
}

var servicesTemplate = template.Must(template.New("services").Parse(`# Written from the shop's topology.
{{range .Teams}}---
apiVersion: nightkeeper/v1
kind: Team
metadata: {name: {{.}}}
spec: {members: [mara, tomas, aiko, devon], escalationPolicy: default, manager: ines}
{{end}}{{range .Services}}---
apiVersion: nightkeeper/v1
kind: Service
metadata: {name: {{.Name}}}
spec:
  team: {{.Team}}
  tier: {{.Tier}}
  control: {{$.Admin}}/services/{{.Name}}
{{- if .Revenue}}
  revenuePerRequest: {{.Revenue}}
  currency: USD
{{- end}}
{{- if .Deps}}
  dependsOn: [{{.Deps}}]
{{- end}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: {{.Name}}}
spec:
  service: {{.Name}}
  description: Requests to {{.Name}} succeed within {{.Patience}}.
  budgetingMethod: Occurrences
  timeWindow: [{duration: 28d, isRolling: true}]
  objectives: [{targetPercent: {{.Target}}}]
  indicator:
    metadata: {name: {{.Name}}-answers}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: spans, spec: {service: {{.Name}}, errors: false, maxDuration: {{.Patience}}}}}
        total: {metricSource: {type: spans, spec: {service: {{.Name}}}}}
{{end}}`))

func services(adminURL string) ([]byte, error) {
	type row struct {
		Name, Team, Tier, Deps, Patience, Target string
		Revenue                                  float64
	}
	data := struct {
		Admin    string
		Teams    []string
		Services []row
	}{Admin: strings.TrimSuffix(adminURL, "/")}
	seen, all := map[string]bool{}, shop.Topology()
	patient := patience(all)
	for _, s := range all {
		if !seen[s.Team] {
			seen[s.Team] = true
			data.Teams = append(data.Teams, s.Team)
		}
		var deps []string
		for _, d := range s.Deps {
			deps = append(deps, d.Name)
		}
		data.Services = append(data.Services, row{s.Name, s.Team, string(s.Tier), strings.Join(deps, ", "), patient[s.Name].String(), targets[s.Tier], s.RevenuePerRequest})
	}
	var b bytes.Buffer
	if err := servicesTemplate.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("write services: %w", err)
	}
	return b.Bytes(), nil
}
