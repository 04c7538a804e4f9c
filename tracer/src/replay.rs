//! From a recording to what a run or a verification came to: the same history, judged by the same
//! code at the same moments. Owns where those moments are; must not read the machine.

use std::io::BufRead;

use crate::{
    collect::hooks::HookChoice,
    container::{gate::Exit, spec::Spec},
    event::{SyscallTable, Tgid},
    expect,
    history::{Beginning, End, Ending, History, Note},
    recording::{Frame, Header, ReadError, Reader},
    run,
    verdict::{self, Held, Judgement},
    verify::{
        self,
        judging::{self, Acts, Terms},
    },
};

/// All of a recording, taken in.
struct Played {
    history: History,
    hooks: Vec<HookChoice>,
    end: End,
}

/// Takes in every frame. `at` sees each note before the history takes it.
fn play<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    mut at: impl FnMut(&History, &Note),
) -> Result<Played, ReadError> {
    let syscalls = header.syscalls.iter();
    let syscalls = SyscallTable::new(syscalls.map(|(number, name)| (*number, name.as_str())));
    let (mut history, hooks) = begin(reader, Beginning::new(header.root, syscalls))?;
    let mut end = None;
    while let Some(frame) = reader.frame()? {
        match frame {
            Frame::Record(bytes) => {
                let event = history.decode(bytes);
                history.take(event);
                // Whoever would look at them has done so, and written that down.
                history.waiting.clear();
                history.births.take_new_mounts();
            }
            Frame::Note(note) => {
                at(&history, &note);
                history.note(*note);
            }
            Frame::End(found) => end = Some(found),
        }
    }
    let end = end.ok_or_else(|| reader.damaged("it does not tell how it ended"))?;
    Ok(Played {
        history,
        hooks,
        end,
    })
}

/// The records of the host as it was found, up to the note that ends them.
fn begin<R: BufRead>(
    reader: &mut Reader<R>,
    mut beginning: Beginning,
) -> Result<(History, Vec<HookChoice>), ReadError> {
    loop {
        match reader.frame()? {
            Some(Frame::Record(bytes)) => beginning.take(bytes),
            Some(Frame::Note(note)) => {
                let Note::Began { hooks, unattached } = *note else {
                    return Err(reader.damaged("a note comes before the beginning"));
                };
                let history = beginning.begin(unattached);
                let history = history
                    .ok_or_else(|| reader.damaged("tracer's own certificate is not before it"))?;
                return Ok((history, hooks));
            }
            Some(Frame::End(_)) | None => {
                return Err(reader.damaged("it ends before it has begun"));
            }
        }
    }
}

/// What a run showed.
pub fn run<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    spec: &Spec,
) -> Result<run::Outcome, ReadError> {
    let expectations = expect::from_spec(spec, &header.host);
    let mut gate: Option<Judgement> = None;
    let played = play(reader, header, |history, note| {
        if matches!(note, Note::Gate) {
            let (model, observation) = (&history.model, &history.observation);
            gate = Some(verdict::judge_gate(&expectations, model, observation));
        }
    })?;
    let Played {
        history,
        hooks,
        end,
    } = played;
    let init = history.observation.init.unwrap_or(Tgid(0));
    let ended = run::Ended::new(history, hooks, &end);
    let (payload, judgement) = run::judge(spec, &expectations, end.ending.into(), &ended);
    Ok(run::Outcome {
        total: ended.total,
        session: ended,
        expectations,
        gate,
        judgement,
        payload,
        init,
        left_behind: None,
        unswept: None,
    })
}

/// What a verification showed, judged by `terms`.
pub fn verify<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    terms: &Terms<'_>,
) -> Result<verify::Outcome, ReadError> {
    let mut acts = Acts::default();
    let played = play(reader, header, |history, note| match note {
        Note::Decided {
            seq,
            act,
            keeps_namespaces,
        } => {
            let (judgement, _) = judging::decision(terms, history, *seq);
            acts.take(
                *seq,
                Held {
                    act: *act,
                    judgement,
                    keeps_namespaces: *keeps_namespaces,
                },
            );
        }
        Note::KilledForDrift { seq } => acts.killed_for_drift(*seq),
        _ => {}
    })?;
    let Played {
        history,
        hooks,
        end,
    } = played;
    let exit = match end.ending {
        Ending::Exited { code } => Exit::Code(code),
        Ending::Signaled { signal } => Exit::Signal(signal),
        Ending::NeverRan | Ending::NotExecuted { .. } => {
            return Err(reader.damaged("no command of a verification ends so"));
        }
    };
    let judged = judging::judge(terms, &history, &acts);
    let ended = run::Ended::new(history, hooks, &end);
    Ok(verify::Outcome::new(ended, judged, exit))
}
