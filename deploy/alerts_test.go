package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// read parses a YAML file and refuses fields that the type does not have.
func read[T any](t *testing.T, path string) (parsed T) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&parsed), path)
	return parsed
}

// rule is an alert as Prometheus takes it.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	file := read[struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}](t, "alerts.yml")
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func TestAlertsAskForWhatIsTold(t *testing.T) {
	t.Parallel()
	shown := regexp.MustCompile(`\$labels\.(\w+)`)
	for _, rule := range rules(t) {
		asked, err := parseQuery(rule.Expr)
		require.NoError(t, err, rule.Alert)
		requireKnown(t, rule.Alert, asked)

		texts := rule.Annotations["summary"] + rule.Annotations["description"]
		for _, label := range shown.FindAllStringSubmatch(texts, -1) {
			if strings.Contains(rule.Expr, " by (") {
				require.Contains(t, asked.grouping, label[1], "%s: the expression does not keep the label", rule.Alert)
			}
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/contrail-events/contrail/blob/main/docs/alerts.md#"
	sections := headings(t, "../docs/alerts.md")
	seen := map[string]bool{}
	for _, rule := range rules(t) {
		require.NotContains(t, seen, rule.Alert, "a second rule of that name")
		seen[rule.Alert] = true
		wait, err := time.ParseDuration(rule.For)
		require.NoError(t, err, rule.Alert)
		require.GreaterOrEqual(t, wait, time.Minute, rule.Alert)
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		require.Len(t, rule.Annotations, 3, rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
		require.Equal(t, page+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
		require.Contains(t, sections, rule.Alert, "docs/alerts.md has no section")
	}
	for _, section := range sections {
		require.Contains(t, seen, section, "docs/alerts.md tells of an alert that no rule raises")
	}
}

// headings are those of the second level, in a document's order.
func headings(t *testing.T, path string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if heading, is := strings.CutPrefix(line, "## "); is {
			found = append(found, strings.TrimSpace(heading))
		}
	}
	return found
}
