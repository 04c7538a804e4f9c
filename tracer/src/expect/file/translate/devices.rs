//! Devices that can be used. Owns the order of what is asked of them.

use crate::event::device::DeviceSet;
use crate::expect::Check;
use crate::expect::device::{DEFAULT, DevicesAsked};
use crate::expect::file::document::{DeviceList, DevicesForm};
use crate::expect::file::form::{Asked, Form, Text};
use crate::expect::file::word::{DeviceGroup, DeviceWord};

use super::Translation;

fn of_group(group: DeviceGroup) -> Vec<DeviceSet> {
    match group {
        DeviceGroup::None => Vec::new(),
        DeviceGroup::Default => DEFAULT.to_vec(),
        DeviceGroup::All => vec![DeviceSet::EVERY],
    }
}

fn of_words(words: &[Text<DeviceWord>]) -> Vec<DeviceSet> {
    let of_word = |Text(word): &Text<DeviceWord>| match *word {
        DeviceWord::Group(group) => of_group(group),
        DeviceWord::Set(set) => vec![set],
    };
    words.iter().flat_map(of_word).collect()
}

fn of_list(list: &DeviceList) -> Vec<DeviceSet> {
    match list {
        Form::Word(group) => of_group(*group),
        Form::List(words) => of_words(words),
        Form::Map(never) => match *never {},
    }
}

impl Translation<'_> {
    pub(super) fn devices(&mut self, asked: &Asked<DevicesForm>) {
        let Some(at) = &asked.0 else { return };
        match &at.value {
            Form::Word(group) => self.asked(at.line, DevicesAsked::Within(of_group(*group))),
            Form::Map(parts) => {
                let mut part = |asked: &Asked<DeviceList>, kind: fn(_) -> DevicesAsked| {
                    if let Some(at) = &asked.0 {
                        self.asked(at.line, kind(of_list(&at.value)));
                    }
                };
                part(&parts.within, DevicesAsked::Within);
                part(&parts.without, DevicesAsked::Without);
                part(&parts.with, DevicesAsked::With);
            }
            Form::List(words) => self.asked(at.line, DevicesAsked::Within(of_words(words))),
        }
    }

    fn asked(&mut self, line: u64, asked: DevicesAsked) {
        self.add(line, "devices", asked.text(), Check::Devices(asked));
    }
}
