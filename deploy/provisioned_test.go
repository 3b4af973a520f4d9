package deploy_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrometheusScrapesEveryProcess(t *testing.T) {
	t.Parallel()
	parsed := written(t)
	config := read[struct {
		Global        map[string]string `yaml:"global"`
		RuleFiles     []string          `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string `yaml:"job_name"`
			StaticConfigs []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
			RelabelConfigs []map[string]any `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}](t, "prometheus.yml")
	require.Equal(t, []string{"/etc/prometheus/alerts.yml"}, config.RuleFiles)

	var want []string
	for name, service := range parsed.Services {
		if service.Image == "contrail:local" && name != "migrate" {
			_, number, _ := strings.Cut(service.Environment["CONTRAIL_TELEMETRY"], ":")
			want = append(want, name+":"+number)
		}
	}
	require.Equal(t, "contrail", config.ScrapeConfigs[0].JobName)
	require.ElementsMatch(t, want, config.ScrapeConfigs[0].StaticConfigs[0].Targets)
	for _, job := range config.ScrapeConfigs[1:] {
		host, _, _ := strings.Cut(job.StaticConfigs[0].Targets[0], ":")
		require.Contains(t, append(slices.Collect(maps.Keys(parsed.Services)), "127.0.0.1"), host)
	}
}

func TestGrafanaReadsFromTheStack(t *testing.T) {
	t.Parallel()
	services := written(t).Services
	sources := read[struct {
		APIVersion  int  `yaml:"apiVersion"`
		Prune       bool `yaml:"prune"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool           `yaml:"isDefault"`
			Editable                     bool           `yaml:"editable"`
			JSONData                     map[string]any `yaml:"jsonData"`
		} `yaml:"datasources"`
	}](t, "grafana/provisioning/datasources/contrail.yml")
	require.Len(t, sources.Datasources, 2)
	for _, source := range sources.Datasources {
		parts := regexp.MustCompile(`^http://([\w-]+):(\d+)$`).FindStringSubmatch(source.URL)
		require.NotNil(t, parts, source.URL)
		require.Contains(t, services, parts[1])
		require.Contains(t, services[parts[1]].Ports, port{"127.0.0.1", parts[2]}, "%s is asked at a port that it does not publish", parts[1])
	}
	boards := read[struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type     string
			DeleteDisabled bool              `yaml:"disableDeletion"`
			UIUpdates      bool              `yaml:"allowUiUpdates"`
			Interval       int               `yaml:"updateIntervalSeconds"`
			Options        map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}](t, "grafana/provisioning/dashboards/contrail.yml")
	require.Equal(t, "/etc/grafana/dashboards", boards.Providers[0].Options["path"])
	require.Equal(t, "/etc/grafana/dashboards/contrail.json", services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
}

func TestTracesFindTheirWay(t *testing.T) {
	t.Parallel()
	services := written(t).Services
	collector := read[struct {
		Receivers  map[string]map[string]map[string]map[string]string `yaml:"receivers"`
		Processors map[string]map[string]any                          `yaml:"processors"`
		Exporters  map[string]struct {
			Endpoint string         `yaml:"endpoint"`
			TLS      map[string]any `yaml:"tls"`
		} `yaml:"exporters"`
		Extensions map[string]struct{ Endpoint string } `yaml:"extensions"`
		Service    struct {
			Extensions []string                       `yaml:"extensions"`
			Pipelines  map[string]map[string][]string `yaml:"pipelines"`
			Telemetry  map[string]any                 `yaml:"telemetry"`
		} `yaml:"service"`
	}](t, "otel-collector.yaml")
	pipeline := collector.Service.Pipelines["traces"]
	for _, part := range []struct {
		used []string
		are  []string
	}{
		{pipeline["receivers"], slices.Collect(maps.Keys(collector.Receivers))},
		{pipeline["processors"], slices.Collect(maps.Keys(collector.Processors))},
		{pipeline["exporters"], slices.Collect(maps.Keys(collector.Exporters))},
		{collector.Service.Extensions, slices.Collect(maps.Keys(collector.Extensions))},
	} {
		require.ElementsMatch(t, part.are, part.used)
	}
	require.Equal(t, "jaeger:4317", collector.Exporters["otlp_grpc/jaeger"].Endpoint)
	received := collector.Receivers["otlp"]["protocols"]["http"]["endpoint"]
	require.Equal(t, "0.0.0.0:4318", received)
	require.Contains(t, fmt.Sprint(services["collector"].HealthCheck.Test), ":13133/")
	require.Equal(t, "0.0.0.0:13133", collector.Extensions["health_check"].Endpoint)
	for name, service := range services {
		if service.Image == "contrail:local" {
			require.Equal(t, "http://collector:4318", service.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"], name)
			require.Equal(t, "${OTEL_TRACES_EXPORTER:-none}", service.Environment["OTEL_TRACES_EXPORTER"], "%s: traces go nowhere unless asked for", name)
		}
	}
}
