//! From a recording to what a run or a verification came to: the same history, judged by the same
//! code at the same moments, or by other terms; of one that is cut off, what is there. Owns where
//! those moments are; must not read the machine.

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

use std::io::BufRead;

use thiserror::Error;
use tracer_common::{
    Kind,
    older::{Older, older},
};

use crate::{
    collect::hooks::HookChoice,
    container::{gate::Exit, spec::Spec},
    event::{SyscallTable, Tgid},
    expect,
    history::{Beginning, End, Ending, History, Note},
    recording::{Asked, Cut, Frame, Header, ReadError, Reader},
    report, run,
    verdict::{self, Held, Judgement, Unattached},
    verify::{
        self,
        judging::{self, Acts, Terms},
    },
};

/// Why a recording comes to nothing.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It is not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is nothing yet where it is cut off.
    #[error(
        "{0}, and before observing had begun: there is nothing to judge; copy it again, or record anew"
    )]
    NothingYet(Cut),
    /// It cannot be judged by anything else than what was recorded.
    #[error(
        "the payload of the run never started, so that there is no container to judge anew; replay \
         it as it was recorded, without the flags that name expectations"
    )]
    NoPayload,
}

/// All of a recording, taken in.
struct Played {
    history: History,
    hooks: Vec<HookChoice>,
    end: End,
    cut: Option<Cut>,
}

/// Takes in every frame. `at` sees each note before the history takes it.
fn play<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    mut at: impl FnMut(&History, &Note),
) -> Result<Played, ReplayError> {
    let syscalls = header.syscalls.iter();
    let syscalls = SyscallTable::new(syscalls.map(|(number, name)| (*number, name.as_str())));
    let (mut history, hooks) = begin(reader, Beginning::new(header.root, syscalls))?;
    let unobserved = unobserved(older(header.abi), &header.tracer);
    history.observation.unattached.extend(unobserved);
    let (mut end, mut cut) = (None, None);
    loop {
        let frame = match reader.frame() {
            Ok(frame) => frame,
            Err(ReadError::Truncated(at)) => {
                history.observation.cut = Some(report::missing_behind(at));
                cut = Some(at);
                break;
            }
            Err(error) => return Err(error.into()),
        };
        match frame {
            Some(Frame::Record(bytes)) => {
                let event = history.decode(bytes);
                history.take(event);
                // Whoever would look at them has done so, and written that down.
                history.waiting.clear();
                history.births.take_new_mounts();
            }
            Some(Frame::Note(note)) => {
                at(&history, &note);
                history.note(*note);
            }
            Some(Frame::End(found)) => end = Some(found),
            None => break,
        }
    }
    let end = match (end, cut) {
        (Some(end), _) => end,
        (None, Some(_)) => End::UNKNOWN,
        (None, None) => return Err(reader.damaged("it does not tell how it ended").into()),
    };
    Ok(Played {
        history,
        hooks,
        end,
        cut,
    })
}

/// Kinds of record that the tracer of a recording did not know: that there is none shows nothing.
fn unobserved(older: Option<&Older>, tracer: &str) -> Vec<Unattached> {
    let first = older.map_or(Kind::END, |older| older.end);
    let unattached = |number| Unattached {
        kind: Kind(number),
        reason: format!("tracer {tracer}, which made the recording, did not record it"),
    };
    (first..Kind::END).map(unattached).collect()
}

/// The records of the host as it was found, up to the note that ends them.
fn begin<R: BufRead>(
    reader: &mut Reader<R>,
    mut beginning: Beginning,
) -> Result<(History, Vec<HookChoice>), ReplayError> {
    loop {
        let frame = match reader.frame() {
            Err(ReadError::Truncated(cut)) => return Err(ReplayError::NothingYet(cut)),
            frame => frame?,
        };
        let wrong = match frame {
            Some(Frame::Record(bytes)) => {
                beginning.take(bytes);
                continue;
            }
            Some(Frame::Note(note)) => match *note {
                Note::Began { hooks, unattached } => match beginning.begin(unattached) {
                    Some(history) => return Ok((history, hooks)),
                    None => "tracer's own certificate is not before it",
                },
                _ => "a note comes before the beginning",
            },
            Some(Frame::End(_)) | None => "it ends before it has begun",
        };
        return Err(reader.damaged(wrong).into());
    }
}

/// What a run showed, and where its recording is cut off.
pub fn run<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    spec: &Spec,
) -> Result<(run::Outcome, Option<Cut>), ReplayError> {
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
        cut,
    } = played;
    let init = history.observation.init.unwrap_or(Tgid(0));
    let ended = run::Ended::new(history, hooks, &end);
    let (payload, judgement) = run::judge(spec, &expectations, end.ending.into(), &ended);
    let outcome = run::Outcome {
        total: ended.total,
        session: ended,
        expectations,
        gate,
        judgement,
        payload,
        init,
        left_behind: None,
        unswept: None,
    };
    Ok((outcome, cut))
}

/// What a verification showed, and where its recording is cut off. It is judged by what it was judged
/// by then, or by `anew`; what enforcement did rests on the former in any case.
pub fn verify<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    recorded: &Terms<'_>,
    anew: Option<&Terms<'_>>,
) -> Result<(verify::Outcome, Option<Cut>), ReplayError> {
    let mut acts = match header.asked {
        Asked::Verify { enforce: true, .. } => Acts::of_enforcement(),
        _ => Acts::default(),
    };
    let played = play(reader, header, |history, note| match note {
        Note::Decided {
            seq,
            act,
            keeps_namespaces,
        } => {
            let (judgement, _) = judging::decision(recorded, history, *seq);
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
    let Ok(exit) = exit(&played.end.ending) else {
        return Err(reader
            .damaged("no command of a verification ends so")
            .into());
    };
    if anew.is_some() {
        acts = acts.by_other_terms();
    }
    Ok(judged(played, anew.unwrap_or(recorded), &acts, exit))
}

/// What the container of a run comes to when it is judged as one that any runtime made.
pub fn run_anew<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
    terms: &Terms<'_>,
) -> Result<(verify::Outcome, Option<Cut>), ReplayError> {
    let mut played = play(reader, header, |_, _| {})?;
    let exit = exit(&played.end.ending)?;
    // The gate's look is at what the payload was started in: nothing but its exec comes after.
    let History {
        births,
        observation,
        tables,
        ..
    } = &mut played.history;
    let init = births.all().iter();
    for birth in init.filter(|birth| Some(birth.payload.tgid) == observation.init) {
        let mounts = observation.mounts.clone();
        tables.containers.insert(birth.seq, mounts);
    }
    tables.host.clone_from(&observation.host_mounts);
    Ok(judged(played, terms, &Acts::default(), exit))
}

/// How a command ended, as far as it is told; an error where it never started.
fn exit(ending: &Ending) -> Result<Option<Exit>, ReplayError> {
    match ending {
        Ending::Exited { code } => Ok(Some(Exit::Code(*code))),
        Ending::Signaled { signal } => Ok(Some(Exit::Signal(*signal))),
        Ending::Unknown => Ok(None),
        Ending::NeverRan | Ending::NotExecuted { .. } => Err(ReplayError::NoPayload),
    }
}

fn judged(
    played: Played,
    terms: &Terms<'_>,
    acts: &Acts,
    exit: Option<Exit>,
) -> (verify::Outcome, Option<Cut>) {
    let Played {
        history,
        hooks,
        end,
        cut,
    } = played;
    let judged = judging::judge(terms, &history, acts);
    let ended = run::Ended::new(history, hooks, &end);
    (verify::Outcome::new(ended, judged, exit), cut)
}
