//! Encoders: a tiny BERT that the test writes, against an independent computation; ONNX's refusal.

use candle_core::{Device, Tensor};
use sidetone_inference::InferenceError;
use sidetone_inference::embed::{self, Bert, Embedder, Onnx, TextKind, find_runtime};
use std::collections::HashMap;
use std::path::Path;

const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[{"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"Whitespace"},
"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}],
"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],
"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
"decoder":null,"model":{"type":"WordLevel","vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"bill":4,"parcel":5,"where":6,"is":7,"my":8},"unk_token":"[UNK]"}}"#;

const CONFIG: &str = r#"{"vocab_size":12,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":16,
"hidden_act":"gelu","hidden_dropout_prob":0.0,"max_position_embeddings":16,"type_vocab_size":2,"initializer_range":0.02,
"layer_norm_eps":1e-12,"pad_token_id":0,"model_type":"bert"}"#;

const WHERE_IS_MY_PARCEL: [f32; 8] = [
    -0.21406, 0.45168, 0.62652, 0.01837, -0.49395, -0.31223, 0.00659, -0.12567,
];
const BILL: [f32; 8] = [
    -0.35113, 0.30266, 0.6566, 0.15792, -0.44846, -0.35583, 0.03602, -0.00271,
];

/// Weights by a formula, so that the reference could be computed elsewhere (in plain Python, with
/// the textbook equations): 0.4·sin(0.7·i + 1.3·k) for entry i of tensor k, a quarter of that around
/// one for the norms' weights.
fn write_encoder(dir: &Path) {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![12, 8]),
        ("embeddings.position_embeddings.weight".into(), vec![16, 8]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, 8]),
        ("embeddings.LayerNorm.weight".into(), vec![8]),
        ("embeddings.LayerNorm.bias".into(), vec![8]),
    ];
    let mut layer = |name: &str, shape: &[usize]| {
        shapes.push((format!("encoder.layer.0.{name}"), shape.to_vec()))
    };
    for part in ["query", "key", "value"] {
        layer(&format!("attention.self.{part}.weight"), &[8, 8]);
        layer(&format!("attention.self.{part}.bias"), &[8]);
    }
    layer("attention.output.dense.weight", &[8, 8]);
    layer("attention.output.dense.bias", &[8]);
    layer("attention.output.LayerNorm.weight", &[8]);
    layer("attention.output.LayerNorm.bias", &[8]);
    layer("intermediate.dense.weight", &[16, 8]);
    layer("intermediate.dense.bias", &[16]);
    layer("output.dense.weight", &[8, 16]);
    layer("output.dense.bias", &[8]);
    layer("output.LayerNorm.weight", &[8]);
    layer("output.LayerNorm.bias", &[8]);
    let tensors: HashMap<String, Tensor> = shapes
        .into_iter()
        .enumerate()
        .map(|(k, (name, shape))| {
            let count: usize = shape.iter().product();
            let norm = name.ends_with("LayerNorm.weight");
            let values: Vec<f32> = (0..count)
                .map(|i| 0.4 * (0.7 * i as f64 + 1.3 * k as f64).sin())
                .map(|v| (if norm { 1.0 + 0.25 * v } else { v }) as f32)
                .collect();
            (
                name,
                Tensor::from_vec(values, shape, &Device::Cpu).expect("a tensor"),
            )
        })
        .collect();
    candle_core::safetensors::save(&tensors, dir.join("model.safetensors")).expect("written");
    std::fs::write(dir.join("tokenizer.json"), TOKENIZER).unwrap();
    std::fs::write(dir.join("config.json"), CONFIG).unwrap();
}

#[test]
fn a_bert_folder_gives_the_vectors_of_the_textbook() {
    let dir = tempfile::tempdir().expect("a folder");
    write_encoder(dir.path());
    let bert = Bert::load(dir.path()).expect("the encoder");
    assert_eq!((bert.dims(), bert.learned()), (8, true));
    let wanted = [WHERE_IS_MY_PARCEL, BILL];
    // Together and alone: padding must not show.
    let together = bert
        .embed(&["Where is my parcel", "bill"], TextKind::Query)
        .expect("vectors");
    let alone = bert.embed(&["bill"], TextKind::Query).expect("a vector");
    for (got, want) in together
        .iter()
        .chain(&alone)
        .zip(wanted.iter().chain([&BILL]))
    {
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() < 1e-4, "{got:?} {want:?}");
        }
    }
    // Longer than the positions: cut, not failed.
    let long = vec!["parcel"; 100].join(" ");
    assert_eq!(
        bert.embed(&[&long], TextKind::Passage).expect("a vector")[0].len(),
        8
    );
    assert!(
        embed::open(dir.path())
            .expect("found")
            .id()
            .ends_with(&bert.id()[bert.id().len() - 12..])
    );
}

#[test]
fn pooling_and_prefixes_are_read_and_faults_are_told() {
    let dir = tempfile::tempdir().expect("a folder");
    assert!(!embed::open(dir.path()).expect("the hashed one").learned());
    write_encoder(dir.path());
    let mean = Bert::load(dir.path())
        .expect("the encoder")
        .embed(&["bill"], TextKind::Query)
        .unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("sidetone.json", r#"{"pooling":"cls","query_prefix":"my "}"#);
    let bert = Bert::load(dir.path()).expect("the encoder");
    let query = bert.embed(&["bill"], TextKind::Query).unwrap();
    assert_ne!(query, mean);
    assert_ne!(query, bert.embed(&["bill"], TextKind::Passage).unwrap());
    for (name, text, says) in [
        ("sidetone.json", r#"{"poling":"cls"}"#, "poling"),
        ("config.json", r#"{"vocab_size":12}"#, "hidden_size"),
        (
            "config.json",
            &CONFIG.replace("\"num_attention_heads\":2", "\"num_attention_heads\":3"),
            "sizes",
        ),
        (
            "config.json",
            &CONFIG.replace("\"vocab_size\":12", "\"vocab_size\":5"),
            "shape",
        ),
        ("tokenizer.json", "{}", "tokenizer.json"),
        ("model.safetensors", "broken", "model.safetensors"),
    ] {
        write_encoder(dir.path());
        let _ = std::fs::remove_file(dir.path().join("sidetone.json"));
        write(name, text);
        let error = Bert::load(dir.path()).err().expect("refused").to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn onnx_runtime_is_found_or_its_absence_is_told() {
    let error = find_runtime(Some(Path::new("/nowhere/libonnxruntime.so"))).expect_err("not there");
    assert!(matches!(error, InferenceError::Missing { .. }));
    assert!(
        error.to_string().contains("ORT_DYLIB_PATH") && error.to_string().contains("/nowhere"),
        "{error}"
    );
    let dir = tempfile::tempdir().expect("a folder");
    write_encoder(dir.path());
    let error = Onnx::load(dir.path(), None)
        .err()
        .expect("no model")
        .to_string();
    assert!(error.contains("model.onnx"), "{error}");
    // Another encoder takes its place when the library is missing.
    std::fs::write(dir.path().join("model.onnx"), b"broken").unwrap();
    match find_runtime(None) {
        Err(_) => assert!(embed::open(dir.path()).expect("candle").learned()),
        Ok(_) => assert!(
            embed::open(dir.path())
                .err()
                .expect("broken")
                .to_string()
                .contains("model.onnx")
        ),
    }
}

/// The library that the set-up fetched.
fn runtime() -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.runtime/libonnxruntime.so");
    assert!(
        path.is_file(),
        "{} is missing: `scripts/setup.sh test` fetches it",
        path.display()
    );
    path
}

/// `tiny.onnx` looks each token up in a table by the same formula and pools nothing.
#[test]
fn an_onnx_folder_gives_the_mean_of_its_tokens() {
    let dir = tempfile::tempdir().expect("a folder");
    write_encoder(dir.path());
    std::fs::write(dir.path().join("model.onnx"), include_bytes!("tiny.onnx")).unwrap();
    let onnx = Onnx::load(dir.path(), Some(&runtime())).expect("an encoder");
    assert_eq!(onnx.dims(), 8);
    let got = onnx
        .embed(&["where is my parcel", "bill"], TextKind::Query)
        .expect("vectors");
    for (got, ids) in got.iter().zip([&[2, 6, 7, 8, 5, 3][..], &[2, 4, 3]]) {
        let mut want = [0.0f64; 8];
        for id in ids {
            for (c, w) in want.iter_mut().enumerate() {
                *w += 0.4 * (0.7 * f64::from(id * 8 + c as i32)).sin();
            }
        }
        let norm = want.iter().map(|w| w * w).sum::<f64>().sqrt();
        for (g, w) in got.iter().zip(want) {
            assert!((f64::from(*g) - w / norm).abs() < 1e-4, "{got:?} {want:?}");
        }
    }
}
