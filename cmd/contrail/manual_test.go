package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each verb teaches: what it does, with an example, in lines that fit.
func TestManualsTeach(t *testing.T) {
	t.Parallel()
	model := program(t).Model
	var mute []string
	for _, verb := range model.Leaves(true) {
		m := manualOf(model, verb)
		if m.summary == "" || len(m.text) == 0 || len(m.examples) == 0 || !strings.Contains(m.examples[0].text, "contrail ") {
			mute = append(mute, m.name)
		}
		for _, group := range m.flags {
			for _, flag := range group.flags {
				require.NotEmpty(t, flag.text, m.name+" "+flag.word)
			}
		}
	}
	require.Empty(t, mute, "a verb's Help says what it does, and has examples")
}

// A page is what groff takes without a warning, if there is a groff.
func TestManPagesAreSound(t *testing.T) {
	t.Parallel()
	model := program(t).Model
	groff, err := exec.LookPath("groff")
	pages := 0
	for _, node := range pageNodes(model.Node) {
		page := roff(model, node)
		for line := range strings.Lines(page) {
			require.False(t, strings.HasPrefix(line, "'"), line)
			require.False(t, strings.HasPrefix(line, ".") && !strings.ContainsAny(line[1:2], `\TSBPRInfafs`), line)
		}
		pages++
		if err != nil {
			continue
		}
		command := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-Tutf8")
		command.Stdin = strings.NewReader(page)
		text, failed := command.CombinedOutput()
		require.NoError(t, failed)
		require.NotContains(t, string(text), "troff:", node.Path())
	}
	require.Greater(t, pages, 60)
}

func TestRoffEscapes(t *testing.T) {
	t.Parallel()
	require.Equal(t, `\&.TH \e n \(aq\-\-x\(aq`, roffText(`.TH \ n '--x'`))
	require.Equal(t, []block{{"a b", false}, {"  c\n\n  d", true}, {"e", false}}, blocks("a\nb\n\n  c\n\n  d\n\ne\n"))
	require.Equal(t, "--color=auto", flagWord(globalFlag(program(t).Model, "color")))
	require.Equal(t, "-q, --quiet", flagWord(globalFlag(program(t).Model, "quiet")))
}
