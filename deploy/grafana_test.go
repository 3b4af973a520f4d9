package deploy_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dashboard is what the tests look at in Grafana's JSON.
type dashboard struct {
	UID         string  `json:"uid"`
	Panels      []panel `json:"panels"`
	Annotations struct {
		List []struct {
			Expr        string `json:"expr"`
			TitleFormat string `json:"titleFormat"`
			TextFormat  string `json:"textFormat"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name       string          `json:"name"`
			Type       string          `json:"type"`
			Definition string          `json:"definition"`
			Query      json.RawMessage `json:"query"` // a text, or an object with the definition again
			Current    struct {
				Value json.RawMessage `json:"value"`
			} `json:"current"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int                      `json:"id"`
	Type       string                   `json:"type"`
	Title      string                   `json:"title"`
	GridPos    struct{ H, W, X, Y int } `json:"gridPos"`
	Datasource struct{ UID string }     `json:"datasource"`
	Targets    []struct {
		RefID      string               `json:"refId"`
		Expr       string               `json:"expr"`
		Legend     string               `json:"legendFormat"`
		Datasource struct{ UID string } `json:"datasource"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit       string `json:"unit"`
			Thresholds struct {
				Steps []json.RawMessage `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

func readDashboard(t *testing.T) (parsed dashboard) {
	t.Helper()
	text, err := os.ReadFile("grafana/dashboards/contrail.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &parsed))
	return parsed
}

func TestDashboardShowsAllThatIsTold(t *testing.T) {
	t.Parallel()
	var shown []string
	board := readDashboard(t)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			where := panel.Title + ": " + target.Expr
			asked, err := parseQuery(target.Expr)
			require.NoError(t, err, panel.Title)
			shown = append(shown, requireKnown(t, where, asked)...)
			requireLegend(t, where, target.Legend, asked)
		}
	}
	for _, note := range board.Annotations.List {
		asked, err := parseQuery(note.Expr)
		require.NoError(t, err)
		requireKnown(t, "annotation", asked)
	}
	for _, m := range metrics() {
		require.Contains(t, shown, m.name, "no panel shows the metric")
	}
}

// requireLegend fails unless a legend names labels that the result has.
func requireLegend(t *testing.T, where, legend string, asked query) {
	t.Helper()
	aggregated := regexp.MustCompile(`\b(sum|max|min)\b`).MatchString(where)
	for _, label := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(legend, -1) {
		if aggregated {
			require.Contains(t, asked.grouping, label[1], "%s: the legend's label is not kept", where)
			continue
		}
		m, _ := find(asked.metrics[0].name)
		_, has := m.label(label[1])
		require.True(t, has, "%s: the metric has no label %s", where, label[1])
	}
}

func TestDashboardVariablesSelect(t *testing.T) {
	t.Parallel()
	board := readDashboard(t)
	values := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	var names []string
	for _, variable := range board.Templating.List {
		names = append(names, variable.Name)
		if variable.Type == "datasource" {
			require.JSONEq(t, `"contrail-prometheus"`, string(variable.Current.Value))
			continue
		}
		parts := values.FindStringSubmatch(variable.Definition)
		require.NotNil(t, parts, variable.Definition)
		asked, err := parseQuery(parts[1])
		require.NoError(t, err)
		m, _ := find(requireKnown(t, variable.Name, asked)[0])
		_, has := m.label(parts[2])
		require.True(t, has, "%s has no label %s", m.name, parts[2])
		require.Contains(t, string(variable.Query), strings.ReplaceAll(variable.Definition, `"`, `\"`), "query and definition of %s part", variable.Name)
	}
	require.Equal(t, []string{"datasource", "stream", "durable", "projection", "instance"}, names)
	used := regexp.MustCompile(`\$\{?(\w+)`)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			for _, name := range used.FindAllStringSubmatch(target.Expr, -1) {
				require.Contains(t, append(names, "__rate_interval"), name[1], panel.Title)
			}
		}
	}
}

func TestDashboardIsLaidOut(t *testing.T) {
	t.Parallel()
	board := readDashboard(t)
	require.Equal(t, "contrail", board.UID)
	var rows []string
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, panel := range board.Panels {
		require.NotContains(t, ids, panel.ID, panel.Title)
		ids[panel.ID] = true
		at := panel.GridPos
		require.LessOrEqual(t, at.X+at.W, 24, panel.Title)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s lies upon it", panel.Title)
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			rows = append(rows, panel.Title)
			continue
		}
		require.True(t, slices.Contains([]string{"stat", "timeseries", "table"}, panel.Type), panel.Type)
		require.NotEmpty(t, panel.FieldConfig.Defaults.Thresholds.Steps, panel.Title)
		require.Equal(t, "${datasource}", panel.Datasource.UID, panel.Title)
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			require.Equal(t, "${datasource}", target.Datasource.UID, panel.Title)
			if strings.Contains(target.Expr, "_seconds_bucket") || strings.HasPrefix(target.Expr, "max by (stream) (contrail_lag_seconds") {
				require.Equal(t, "s", panel.FieldConfig.Defaults.Unit, panel.Title)
			}
		}
	}
	require.Equal(t, []string{"Overview", "Publishing", "Consuming", "Projections", "Effects", "Processes"}, rows)
}
