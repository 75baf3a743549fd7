//! The layers of the delivery, each of which can be left out: to measure what it costs, and to show that
//! the fault harness notices. Nobody else has a reason to.

use std::fmt;
use std::str::FromStr;

/// One layer (`connector/DELIVERY.md` says what each is for).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// One writer per partition: an epoch that is claimed, and what the tables refuse below it.
    Fence,
    /// What is stored behind the checkpoint is found and not written again.
    Ledger,
    /// A repeated insert stores only what is missing.
    Token,
    /// A source leaves nothing out, and a chunk begins where the one before ended.
    Contiguity,
    /// A stream that was made anew is not taken for the old one.
    Generation,
    /// The ledger's views. Without them, only the cost can be measured.
    Views,
}

impl Layer {
    const ALL: [(Self, &str); 6] = [
        (Self::Fence, "fence"),
        (Self::Ledger, "ledger"),
        (Self::Token, "token"),
        (Self::Contiguity, "contiguity"),
        (Self::Generation, "generation"),
        (Self::Views, "views"),
    ];
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(layer, _)| layer == self).map_or("", |(_, name)| name);
        formatter.write_str(name)
    }
}

/// A name that is no layer's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no layer of the delivery: fence, ledger, token, contiguity, generation or views")]
pub struct NoLayer(String);

impl FromStr for Layer {
    type Err = NoLayer;

    fn from_str(name: &str) -> Result<Self, NoLayer> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(layer, _)| *layer).ok_or_else(|| NoLayer(name.to_owned()))
    }
}

/// The layers that are left out; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Without(u8);

impl Without {
    /// Whether this layer is at work.
    #[must_use]
    pub const fn has(self, layer: Layer) -> bool {
        self.0 & (1 << layer as u8) == 0
    }
}

impl FromIterator<Layer> for Without {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        Self(layers.into_iter().fold(0, |bits, layer| bits | 1 << layer as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_left_out_by_name_and_none_by_default() {
        for (layer, name) in Layer::ALL {
            assert_eq!(name.parse::<Layer>().unwrap().to_string(), name);
            let without: Without = [layer].into_iter().collect();
            assert!(Layer::ALL.iter().all(|(other, _)| without.has(*other) == (*other != layer)));
            assert!(Without::default().has(layer));
        }
        assert!("fences".parse::<Layer>().unwrap_err().to_string().contains("`fences`"));
    }
}
